"""Every real exchange that was recorded must be read as its `expected` says."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from proxy.wire.billing.usage import Usage
from proxy.wire.hints import model_of, wants_stream
from proxy.wire.messages import ResponseContent, read_response
from proxy.wire.requests import read_request
from proxy.wire.sniff import Sniffer
from tests import recordings

# The recordings' converter left the fields of the legacy completion endpoint out of `expected`.
FILES = [path for path in recordings.FILES if "completion-legacy" not in path.name]
# A batch names one model per request in it.
ONE_MODEL_FILES = [path for path in FILES if "--batch-" not in path.name]

pytestmark = pytest.mark.skipif(not FILES, reason=recordings.MISSING)


def read(recording: dict[str, dict[str, Any]]) -> ResponseContent:
    response = recording["response"]
    return read_response(response["status"], response["headers"].get("content-type", ""), body_of(recording))


def body_of(recording: dict[str, dict[str, Any]]) -> bytes:
    return base64.b64decode(recording["response"]["body_b64"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_answer_is_read_as_expected(path: Path) -> None:
    recording = json.loads(path.read_text())
    expected = recording["expected"]

    response = read(recording)

    assert (response.usage.raw if response.usage else None) == expected.get("usage")
    assert response.stop_reason == expected["stop_reason"]
    assert response.message_id == expected.get("message_id")
    assert response.error_type == expected.get("error_type")
    assert response.counted_tokens == expected.get("count_tokens_input_tokens")
    assert response.streamed == recording["streaming"]
    assert response.finished == expected.get("sse_complete", True)
    assert [tool.name for tool in response.tools] == expected.get("tool_names", [])
    content = (response.message or {}).get("content", [])
    assert isinstance(content, list)
    assert [block["type"] for block in content] == expected["content_blocks"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_answer_is_sniffed_in_pieces_as_it_is_read_whole(path: Path) -> None:
    recording = json.loads(path.read_text())
    body = body_of(recording)
    response = read(recording)
    usage = response.usage or Usage()

    sniffer = Sniffer()
    for start in range(0, len(body), 37):
        sniffer.feed(body[start : start + 37])

    counts = sniffer.counts
    assert (counts.input, counts.output) == (usage.input_tokens, usage.output_tokens)
    assert (counts.cache_read, counts.cache_write) == (usage.cache_read_tokens, usage.cache_write_tokens)
    assert sniffer.tool_calls == len(response.tools)
    assert sniffer.error == response.error_type


@pytest.mark.parametrize("path", ONE_MODEL_FILES, ids=lambda path: path.stem)
def test_a_recorded_request_is_hinted_as_it_is_read_exactly(path: Path) -> None:
    request = json.loads(path.read_text())["request"]
    body = (request["body"] or "").encode()

    facts = read_request(request["path"], body)

    assert model_of(body) == facts.model
    assert wants_stream(body) == facts.stream
