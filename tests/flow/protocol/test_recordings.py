"""Every recorded exchange, replayed through the proxy at random cuts: bytes equal both ways, usage as expected."""

import base64
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from nexus_project.demo.script import Script
from tests import recordings
from tests.flow import wire
from tests.flow.conftest import Nexus

pytestmark = pytest.mark.skipif(not recordings.FILES, reason=recordings.MISSING)

# What frames a message or was true only of the recorder's connection.
FRAMING = {
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "connection",
    "keep-alive",
    "host",
    "accept-encoding",
}
SECRET = {"x-api-key", "authorization", "cookie", "expect"}


def cut(body: bytes, seed: str) -> tuple[bytes, ...]:
    """The body in pieces of random sizes, the same ones with every run."""
    chance = random.Random(seed)
    places = sorted(chance.sample(range(1, len(body)), min(len(body) - 1, 40))) if len(body) > 1 else []
    return tuple(body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True))


def request_of(recording: dict[str, Any]) -> tuple[str, str, list[tuple[str, bytes]], bytes]:
    request = recording["request"]
    body = request["body"].encode() if request["body"] else base64.b64decode(request.get("body_b64") or "")
    headers = [
        (name, value.encode()) for name, value in request["headers"].items() if name not in FRAMING | SECRET
    ]
    return request["method"], request["path"], headers, body


@pytest.fixture(scope="module")
def nexus(make_nexus: Callable[..., Nexus]) -> Nexus:
    """One that pays for files and batches as well."""
    return make_nexus(ALLOW_SHARED_FILES="true")


@pytest.mark.parametrize("path", recordings.FILES, ids=lambda path: path.stem)
def test_a_recorded_exchange_passes_unchanged_and_is_counted_as_expected(nexus: Nexus, path: Path) -> None:
    recording = json.loads(path.read_text())
    method, target, headers, body = request_of(recording)
    response_body = base64.b64decode(recording["response"]["body_b64"])
    response_headers = tuple((k, v) for k, v in recording["response"]["headers"].items() if k not in FRAMING)
    mark = uuid4().hex
    script = Script(
        status=recording["response"]["status"], headers=response_headers, chunks=cut(response_body, path.stem)
    )
    nexus.emulator.app.script(mark, script)
    extra = [("x-test-id", mark.encode()), ("x-emulate", f"script={mark}".encode())]

    response = wire.send(nexus.url, wire.request_bytes(method, target, [*headers, *extra], body))

    got = nexus.received(mark)
    assert (got.method, got.target, got.body) == (method, target.encode(), body)
    assert (response.status, response.body, response.whole) == (script.status, response_body, True)
    assert [(name, value.encode("latin-1")) for name, value in response_headers] == [
        (name.decode(), value)
        for name, value in response.headers
        if name not in {b"x-nexus-id", b"transfer-encoding", b"content-length"}
    ]
    row = nexus.stored(response.value("x-nexus-id"))
    if target.endswith("/results"):
        # The answers of a batch, each with a usage: what Nexus makes of the file.
        assert row["usage"]["batch"]["results"]["types"]["succeeded"] == response_body.count(b'"succeeded"')
    else:
        assert row["usage"] == recording["expected"].get("usage")
    assert row["status"] == script.status
