"""Who pays: database, file, the request's own credential, CLAUDE_API_KEY, else 401 — through real processes."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from accounts.access import keys
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.serving import Running
from tests.flow import wire
from tests.flow.conftest import OPERATOR_KEY, Nexus
from tests.flow.services import wait_for

ASK = [("anthropic-version", b"2023-06-01")]


def paid(
    nexus: Nexus, host: str, *headers: tuple[str, bytes], target: str = "/v1/models"
) -> tuple[int, str | None]:
    """Status, and the credential that upstream saw for a request to this host."""
    mark = uuid4().hex
    sent = [*ASK, ("x-test-id", mark.encode()), *headers]
    response = wire.send(nexus.url, wire.request_bytes("GET", target, sent, host=host))
    seen = [entry for entry in nexus.emulator.app.log if entry.value("x-test-id") == mark]
    return response.status, seen[0].credential if seen else None


@pytest.fixture
def credential_file(nexus: Nexus) -> Iterator[Callable[[str, object], Path]]:
    """Write `<domain>.credentials.json`; taken away after the test."""
    written: list[Path] = []

    def write(domain: str, content: object) -> Path:
        path = nexus.data_dir / "credentials" / f"{domain}.credentials.json"
        path.write_text(json.dumps(content))
        written.append(path)
        return path

    yield write
    for path in written:
        path.unlink(missing_ok=True)


def add_domain(nexus: Nexus, name: str, key: str) -> None:
    from accounts.fields import encrypt

    nexus.execute(
        "WITH d AS (INSERT INTO accounts_domain (name, slack_webhook_url, slack_channel, slack_username, slack_icon_emoji,"
        " slack_enabled, created_at) VALUES (%s, '', '', '', '', true, now()) RETURNING id)"
        " INSERT INTO accounts_credential (domain_id, name, kind, account_id, enabled, api_key, access_token, refresh_token,"
        " scopes, is_max, state, last_error, created_at)"
        " SELECT id, 'main', 'api_key', 'acc_main', true, %s, '', '', '[]', false, 'valid', '', now() FROM d",
        name,
        encrypt(key),
    )


def test_e0_an_unknown_domain_is_paid_by_the_request_itself_else_by_claude_api_key(nexus: Nexus) -> None:
    assert paid(nexus, "nobody.example") == (200, OPERATOR_KEY)
    assert paid(nexus, "nobody.example", ("x-api-key", b"sk-ant-api03-mine")) == (200, "sk-ant-api03-mine")


def test_an_api_key_as_bearer_goes_upstream_as_it_came(nexus: Nexus) -> None:
    mark = uuid4().hex
    headers = [*ASK, ("authorization", b"Bearer sk-ant-api03-mine"), ("x-test-id", mark.encode())]

    wire.send(nexus.url, wire.request_bytes("GET", "/v1/models", headers))

    got = nexus.received(mark)
    assert (got.values("x-api-key"), got.values("authorization")) == ([], ["Bearer sk-ant-api03-mine"])
    assert got.values("anthropic-beta") == []


def test_e0_an_oauth_bearer_stays_one_and_gets_the_beta_once(nexus: Nexus) -> None:
    mark = uuid4().hex
    headers = [
        *ASK, ("authorization", b"Bearer sk-ant-oat01-mine"), ("anthropic-beta", b"a-1"), ("anthropic-beta", b"b-2"),
        ("x-test-id", mark.encode()),
    ]  # fmt: skip

    wire.send(nexus.url, wire.request_bytes("GET", "/v1/models", headers))

    got = nexus.received(mark)
    assert got.values("authorization") == ["Bearer sk-ant-oat01-mine"]
    assert got.values("anthropic-beta") == ["a-1", "b-2,oauth-2025-04-20"]


def test_a_domain_of_the_database_pays_within_two_seconds_and_stops_as_fast(nexus: Nexus) -> None:
    add_domain(nexus, "database.example", "sk-ant-api03-database")

    wait_for(lambda: paid(nexus, "database.example")[1] == "sk-ant-api03-database", 2.5)
    nexus.execute(
        "DELETE FROM accounts_credential WHERE domain_id = (SELECT id FROM accounts_domain WHERE name = 'database.example')"
    )
    wait_for(lambda: paid(nexus, "database.example")[1] == OPERATOR_KEY, 2.5)


def test_predecessor_defect_30_a_credential_file_counts_within_two_seconds(
    nexus: Nexus, credential_file: Callable[[str, object], Path]
) -> None:
    path = credential_file("file.example:8443", {"type": "api_key", "api_key": "sk-ant-api03-file"})
    wait_for(lambda: paid(nexus, "FILE.example:8443")[1] == "sk-ant-api03-file", 2.5)

    path.write_text(json.dumps({"type": "api_key", "api_key": "sk-ant-api03-edited"}))
    wait_for(lambda: paid(nexus, "file.example:8443")[1] == "sk-ant-api03-edited", 2.5)


def test_the_database_comes_before_the_file(
    nexus: Nexus, credential_file: Callable[[str, object], Path]
) -> None:
    credential_file("both.example", {"type": "api_key", "api_key": "sk-ant-api03-file"})
    wait_for(lambda: paid(nexus, "both.example")[1] == "sk-ant-api03-file", 2.5)

    add_domain(nexus, "both.example", "sk-ant-api03-row")

    wait_for(lambda: paid(nexus, "both.example:3000")[1] == "sk-ant-api03-row", 2.5)


def test_e0_an_expired_oauth_file_is_refreshed_at_the_door_and_written_back(
    make_proxy: Callable[..., Nexus], emulator: Running[Emulator]
) -> None:
    nexus = make_proxy(CLAUDE_OAUTH_TOKEN_URL=f"{emulator.url}/v1/oauth/token")
    path = nexus.data_dir / "credentials" / "oauth.example.credentials.json"
    oauth = {
        "accessToken": "sk-ant-oat01-old",
        "refreshToken": f"sk-ant-ort01-{uuid4().hex}",
        "expiresAt": 1000,
        "scopes": [],
    }
    path.write_text(
        json.dumps({"type": "oauth", "accountId": "acc_1", "oauth": oauth, "extra": {"kept": True}})
    )

    wait_for(lambda: (paid(nexus, "oauth.example")[1] or "").startswith("sk-ant-oat01"), 2.5)

    written = json.loads(path.read_text())
    status, credential = paid(nexus, "oauth.example")
    assert (status, credential) == (200, written["oauth"]["accessToken"])
    assert credential != "sk-ant-oat01-old"
    assert written["extra"] == {"kept": True}
    assert written["oauth"]["expiresAt"] > time.time() * 1000
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_hundred_requests_in_four_processes_refresh_an_expired_token_once(
    make_nexus: Callable[..., Nexus], emulator: Running[Emulator]
) -> None:
    from accounts.fields import encrypt

    nexus = make_nexus(CLAUDE_OAUTH_TOKEN_URL=f"{emulator.url}/v1/oauth/token", PROXY_WORKERS="4")
    grant = {"access_token": "sk-ant-oat01-new", "expires_in": 3600}
    emulator.app.oauth.responses.append(replace(json_response(grant), head_pause=1.0))
    before = emulator.app.oauth.calls
    add_domain(nexus, "busy.example", "")
    nexus.execute(
        "UPDATE accounts_credential SET kind = 'oauth', access_token = %s, refresh_token = %s, expires_at = now()",
        encrypt("sk-ant-oat01-old"),
        encrypt(f"sk-ant-ort01-{uuid4().hex}"),
    )

    async def ask_all() -> list[int]:
        async with httpx.AsyncClient(base_url=nexus.url, timeout=30) as client:

            async def ask(number: int) -> int:
                headers = {"host": "busy.example", "anthropic-version": "2023-06-01"}
                await asyncio.sleep(number * 0.03)  # before, while and after the token is renewed
                return (await client.get("/v1/models", headers=headers)).status_code

            return list(await asyncio.gather(*map(ask, range(100))))

    statuses = asyncio.run(ask_all())

    assert paid(nexus, "busy.example") == (200, "sk-ant-oat01-new")
    assert statuses == [200] * 100
    assert emulator.app.oauth.calls - before == 1
    metrics = nexus.client().get("/oauth-metrics").json()
    assert (metrics["attempts"], metrics["successes"], metrics["failures"]) == (1, 1, 0)


def test_e0_a_dead_credential_falls_through_and_the_record_names_who_paid(
    nexus: Nexus, credential_file: Callable[[str, object], Path]
) -> None:
    dead = {
        "type": "oauth",
        "accountId": "acc_dead",
        "oauth": {"accessToken": "sk-ant-oat01-x", "refreshToken": "", "expiresAt": 1},
    }
    credential_file("dead.example", dead)
    nothing = wire.request_bytes("GET", "/v1/models", ASK, host="dead.example")

    def latest() -> str:
        return str(nexus.stored(wire.send(nexus.url, nothing).value("x-nexus-id"))["passed_over"])

    wait_for(lambda: "acc_dead" in latest(), 5)

    row = nexus.stored(wire.send(nexus.url, nothing).value("x-nexus-id"))
    assert row["paid_by"] == "environment:CLAUDE_API_KEY"
    assert "access.passed_over" in nexus.proxy.words()


def test_a_nexus_key_never_leaves_nexus(nexus: Nexus, credential_file: Callable[[str, object], Path]) -> None:
    credential_file(
        "guarded.example", {"type": "api_key", "api_key": "sk-ant-api03-g", "client_api_key": "cnp_live_good"}
    )
    wait_for(lambda: paid(nexus, "guarded.example")[0] == 401, 2.5)

    assert paid(nexus, "guarded.example", ("authorization", b"Bearer cnp_live_good")) == (
        200,
        "sk-ant-api03-g",
    )
    assert paid(nexus, "guarded.example", ("x-api-key", b"cnp_live_good")) == (200, "sk-ant-api03-g")
    assert paid(nexus, "guarded.example", ("x-api-key", b"cnp_live_wrong")) == (401, None)
    assert paid(nexus, "other.example", ("x-api-key", b"cnp_live_good")) == (401, None)
    assert not [
        entry for entry in nexus.emulator.app.log if b"cnp_" in b"".join(value for _, value in entry.headers)
    ]


def test_a_browsers_page_never_spends_the_operators_credential(nexus: Nexus) -> None:
    assert paid(nexus, "nobody.example", ("origin", b"https://evil.example")) == (403, None)


def test_a_nexus_key_beside_the_clients_own_credential_opens_and_the_client_pays(
    make_proxy: Callable[..., Nexus],
) -> None:
    nexus = make_proxy(CLAUDE_API_KEY="", ENABLE_CLIENT_AUTH="true")
    nexus.execute(
        "WITH d AS (INSERT INTO accounts_domain (name, slack_webhook_url, slack_channel, slack_username, slack_icon_emoji,"
        " slack_enabled, created_at) VALUES ('own.example', '', '', '', '', true, now()) RETURNING id)"
        " INSERT INTO accounts_clientkey (domain_id, name, owner, digest, hint, created_at)"
        " SELECT id, 'ann', '', %s, 'good', now() FROM d",
        keys.digest("cnp_live_own"),
    )
    mine = b"sk-ant-api03-mine"
    wait_for(lambda: paid(nexus, "own.example", ("x-api-key", mine))[0] == 401, 2.5)

    key_first = [("authorization", b"Bearer cnp_live_own"), ("x-api-key", mine)]
    key_second = [("authorization", b"Bearer " + mine), ("x-api-key", b"cnp_live_own")]
    assert paid(nexus, "own.example", *key_first) == (200, mine.decode())
    assert (
        paid(nexus, "own.example", *key_second)[1] == mine.decode()
    )  # the API's version here takes no key as bearer


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/models/../organizations", 400),
        ("/v1/models/%2e%2E/organizations", 400),
        ("/v1%2F..%2Fmodels", 400),
        ("/v1/organizations/api_keys", 403),
        ("/v1/%6Fauth/token", 403),
        ("/v1/files", 403),
        ("/v1/skills", 403),
        ("/v1/memory_stores/m_1", 403),
        ("/v1//messages/batches?limit=1", 403),
    ],
)
def test_the_operators_credential_never_pays_for_a_closed_path(
    nexus: Nexus, target: str, status: int
) -> None:
    assert paid(nexus, "nobody.example", target=target) == (status, None)
