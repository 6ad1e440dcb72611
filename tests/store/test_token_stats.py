import pytest

from proxy.store.ingest import batch as ingest
from proxy.token_stats import token_stats
from tests.store.records import NOON, ask, make_batch, make_head, make_record, say

pytestmark = pytest.mark.django_db


def test_without_traffic_there_are_no_stats() -> None:
    assert token_stats() == {}
    assert token_stats("a.example") is None


def test_stats_have_the_shape_that_clients_of_the_predecessor_read() -> None:
    usage = {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 4,
    }
    tool = {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}
    ingest.ingest(
        make_batch(make_record(response=say(usage=usage, content=[tool])), make_record(ask("quota")))
    )

    assert token_stats() == {
        "a.example": {
            "inputTokens": 11,
            "outputTokens": 7,
            "cacheReadInputTokens": 3,
            "cacheCreationInputTokens": 4,
            "requestCount": 2,
            "queryEvaluationCount": 1,
            "inferenceCount": 0,
            "toolCallCount": 1,
            "lastUpdated": round(NOON.timestamp() * 1000),
        }
    }


def test_one_domain_has_its_own_stats() -> None:
    ingest.ingest(
        make_batch(make_record(), *(make_record(head=make_head(domain="b.example")) for _ in range(2)))
    )

    stats = token_stats("b.example")

    assert stats is not None
    assert stats["requestCount"] == 2
