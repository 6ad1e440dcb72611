"""The whole line with BODY_ENCRYPTION: what the database holds, and a worker whose key is missing."""

import base64
from collections.abc import Callable
from uuid import uuid4

import pytest

from proxy.store.bodies.encryption import key_id
from tests.flow import haystack
from tests.flow.conftest import Nexus
from tests.flow.protocol.test_outcomes import bodies
from tests.flow.services import wait_for

OLD, NEW = b"o" * 32, b"n" * 32
OLD_TEXT, NEW_TEXT = (base64.b64encode(key).decode() for key in (OLD, NEW))


@pytest.fixture(scope="module")
def encrypted(make_nexus: Callable[..., Nexus]) -> Nexus:
    return make_nexus(BODY_ENCRYPTION="true", BODY_ENCRYPTION_KEYS=OLD_TEXT)


def send(nexus: Nexus, text: str, **headers: str) -> str:
    """The exchange's id."""
    body = {"model": "claude-sonnet-5", "max_tokens": 50, "messages": [{"role": "user", "content": text}]}
    return str(nexus.client(**headers).post("/v1/messages", json=body).headers["x-nexus-id"])


def restart_worker(nexus: Nexus, keys: str) -> None:
    nexus.worker.stop()
    nexus.worker.environment = {**nexus.worker.environment, "BODY_ENCRYPTION_KEYS": keys}
    nexus.worker.start()


def test_a_text_is_nowhere_in_the_database_and_comes_back_with_the_key(encrypted: Nexus) -> None:
    # The session is a column, in clear: so the search would see what is.
    in_body, in_column = f"mark{uuid4().hex}", f"mark{uuid4().hex}"
    exchange = send(encrypted, in_body, **{"x-claude-code-session-id": in_column})
    encrypted.stored(exchange)

    found = haystack.database(encrypted.database)

    assert haystack.holds(found, in_column)
    assert not haystack.holds(found, in_body)
    assert in_body.encode() in bodies(encrypted, exchange)[0]


def test_a_worker_without_the_key_loses_nothing_and_writes_nothing_in_clear(encrypted: Nexus) -> None:
    encrypted.stored(send(encrypted, "the first one makes the key"))
    restart_worker(encrypted, NEW_TEXT)
    text = f"mark{uuid4().hex}"

    exchange = send(encrypted, text)

    wait_for(lambda: "ingest.key_missing" in encrypted.worker.words(), 40)
    assert key_id(OLD) in encrypted.worker.words()
    assert encrypted.rows("SELECT 1 FROM proxy_exchange WHERE id = %s", exchange) == []
    assert encrypted.rows("SELECT 1 FROM proxy_setaside") == []
    restart_worker(encrypted, f"{NEW_TEXT},{OLD_TEXT}")
    encrypted.stored(exchange)
    assert text.encode() in bodies(encrypted, exchange)[0]
    assert not haystack.holds(haystack.database(encrypted.database), text)
