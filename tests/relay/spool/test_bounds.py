"""How much of a response is recorded, and which one may travel in parts."""

import pytest
from msgspec.structs import replace
from pytest_django.fixtures import Settings

from proxy.record import HeaderPairs
from proxy.relay.spool.bounds import MAX_RECORD_BYTES, is_results, length_of, response_bound
from tests.relay.examples import make_head

RESULTS = "/v1/messages/batches/msgbatch_1/results"
PLAIN: HeaderPairs = [("content-type", "application/x-jsonl")]


def asked(
    method: str = "GET", target: str = RESULTS, status: int = 200, headers: HeaderPairs = PLAIN
) -> bool:
    return is_results(replace(make_head(), method=method, target=target), status, headers)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": 206},
        {"target": f"{RESULTS}?a=1"},
        {"headers": []},
        {"headers": [("Content-Encoding", " Identity ")]},
    ],
)
def test_results_that_can_be_read_in_parts(changes: dict[str, object]) -> None:
    assert asked(**changes)  # type: ignore[arg-type]  # parametrize knows no names


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"status": 404},
        {"target": "/v1/messages/batches/msgbatch_1"},
        {"headers": [("Content-Encoding", "gzip")]},
        {"headers": [("content-encoding", "identity"), ("content-encoding", "zstd")]},
    ],
)
def test_anything_else(changes: dict[str, object]) -> None:
    assert not asked(**changes)  # type: ignore[arg-type]  # parametrize knows no names


def test_results_have_a_bound_of_their_own(settings: Settings) -> None:
    settings.BATCH_RESULTS_MAX_BYTES = 7 * MAX_RECORD_BYTES
    head = replace(make_head(b"12345"), method="GET")

    assert response_bound(replace(head, target=RESULTS), 200, PLAIN, 5) == 7 * MAX_RECORD_BYTES
    assert response_bound(head, 200, PLAIN, 5) == MAX_RECORD_BYTES - 5


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ([("content-length", "12"), ("content-length", "13")], 12),
        ([], -1),
        ([("content-length", "twelve")], -1),
        ([("content-length", "\u0661")], -1),
    ],
)
def test_the_length_that_a_response_announces(headers: list[tuple[str, str]], length: int) -> None:
    assert length_of(headers) == length
