"""The largest and deepest requests on the whole line: each is stored exactly, and the next one as if nothing had been."""

import json
from collections.abc import Callable

import pytest

from nexus_project.demo.script import Script
from tests.bench.machine import rss
from tests.flow.conftest import Nexus
from tests.flow.protocol.test_outcomes import bodies
from tests.flow.services import wait_for

MESSAGES = [{"role": "user", "content": f"again {number}"} for number in range(10_000)]
LARGE = {
    "32 MiB": b'{"model": "m", "messages": [{"role": "user", "content": "%s"}]}'
    % (b"x" * (32 * 1024**2 - 62)),
    "10,000 messages": json.dumps({"model": "m", "max_tokens": 5, "messages": MESSAGES}).encode(),
    "depth 10,000": b'{"model": "m", "messages": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "crowded": b"[" + b"[]," * (10 * 1024**2) + b"1]",
}


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
def test_a_large_request_is_stored_exactly_beside_its_neighbours(nexus: Nexus, body: bytes) -> None:
    assert len(body) <= 32 * 1024**2
    # Scripted, or the emulator would read the body as well.
    nexus.emulator.app.script("large", Script(200, (("content-type", "application/json"),), (b"{}",)))
    client = nexus.client(**{"x-emulate": "script=large"})
    small = b'{"model": "claude-sonnet-5", "messages": []}'

    ids = [
        client.post("/v1/messages", content=item, timeout=60).headers["x-nexus-id"]
        for item in (small, body, small)
    ]

    stored = [nexus.stored(exchange) for exchange in ids]
    assert [row["request_bytes"] for row in stored] == [len(small), len(body), len(small)]
    assert [row["model"] for row in stored[::2]] == ["claude-sonnet-5"] * 2
    assert bodies(nexus, ids[1]) == (body, b"{}")
    assert nexus.rows("SELECT 1 FROM proxy_setaside WHERE spool = %s", stored[1]["spool"]) == []


def test_the_memory_of_large_requests_is_given_back(make_proxy: Callable[..., Nexus]) -> None:
    nexus = make_proxy()
    nexus.emulator.app.script("large", Script(200, (("content-type", "application/json"),), (b"{}",)))
    client = nexus.client(**{"x-emulate": "script=large"})

    def send(size: int) -> None:
        body = b'{"model": "m", "messages": [{"role": "user", "content": "%s"}]}' % (b"x" * size)
        nexus.stored(client.post("/v1/messages", content=body, timeout=60).headers["x-nexus-id"])

    send(10)
    before = rss([nexus.proxy.popen.pid])
    for _ in range(3):
        send(20_000_000)
    send(10)  # the connection keeps its last request until the next one

    wait_for(lambda: rss([nexus.proxy.popen.pid]) < before + 14, 10, lambda: f"{before:.0f} MiB before")
