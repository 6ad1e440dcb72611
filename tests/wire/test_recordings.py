"""Every real exchange that was recorded must be read as its `expected` says."""

import base64
import json
import os
from pathlib import Path

import pytest

from proxy.wire.messages import Answer, read_answer

BESIDE_THE_REPOSITORY = Path(__file__).parents[2].parent / "shared" / "recordings"
FOLDER = Path(os.getenv("NEXUS_RECORDINGS", str(BESIDE_THE_REPOSITORY)))
# The recordings' converter left the fields of the legacy completion endpoint out of `expected`.
FILES = sorted(path for path in FOLDER.glob("*.json") if "completion-legacy" not in path.name)

pytestmark = pytest.mark.skipif(not FILES, reason=f"no recorded exchanges in {FOLDER}")


def read(recording: dict[str, object]) -> Answer:
    response = recording["response"]
    assert isinstance(response, dict)
    return read_answer(
        response["status"],
        response["headers"].get("content-type", ""),
        base64.b64decode(response["body_b64"]),
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_answer_is_read_as_expected(path: Path) -> None:
    recording = json.loads(path.read_text())
    expected = recording["expected"]

    answer = read(recording)

    assert (answer.usage.raw if answer.usage else None) == expected.get("usage")
    assert answer.stop_reason == expected["stop_reason"]
    assert answer.message_id == expected.get("message_id")
    assert answer.error_type == expected.get("error_type")
    assert answer.counted_tokens == expected.get("count_tokens_input_tokens")
    assert answer.streamed == recording["streaming"]
    assert answer.finished == expected.get("sse_complete", True)
    assert [tool.name for tool in answer.tools] == expected.get("tool_names", [])
    content = (answer.message or {}).get("content", [])
    assert isinstance(content, list)
    assert [block["type"] for block in content] == expected["content_blocks"]
