"""The largest and deepest requests on the whole line: each is stored exactly, and the next one as if nothing had been."""

import json

import pytest

from tests.flow.conftest import Nexus
from tests.flow.test_outcomes import bodies

MESSAGES = [{"role": "user", "content": f"again {number}"} for number in range(10_000)]
LARGE = {
    "32 MiB": b'{"model": "m", "messages": [{"role": "user", "content": "%s"}]}'
    % (b"x" * (32 * 1024**2 - 62)),
    "10,000 messages": json.dumps({"model": "m", "max_tokens": 5, "messages": MESSAGES}).encode(),
    "depth 10,000": b'{"model": "m", "messages": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "crowded": b"[" + b"[]," * (10 * 1024**2) + b"1]",
}


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
def test_a_large_request_is_stored_exactly_and_its_neighbours_too(nexus: Nexus, body: bytes) -> None:
    assert len(body) <= 32 * 1024**2
    client = nexus.client()
    small = (
        b'{"model": "claude-sonnet-5", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}'
    )

    ids = [client.post("/v1/messages", content=one).headers["x-nexus-id"] for one in (small, body, small)]

    for exchange in ids:
        nexus.stored(exchange, 60)
    assert [bodies(nexus, exchange)[0] for exchange in ids] == [small, body, small]
    assert (
        nexus.rows("SELECT error FROM proxy_setaside WHERE created_at > now() - interval '2 minutes'") == []
    )
