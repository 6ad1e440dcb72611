"""Several credentials of one domain, through two real proxy processes: who pays, what the client sees, what is shared."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

import httpx
import pytest
import redis

from accounts.credentials import health as credential_health
from accounts.fields import encrypt
from accounts.snapshot.watcher import INTERVAL_SECONDS
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.script import Script
from nexus_project.demo.serving import Running
from proxy.relay.credentials.circuit_breaker import PROBE_SECONDS
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for

KEYS = tuple(f"sk-ant-api03-{name}-{uuid4().hex}" for name in ("first", "second"))
NAMES = ("two", "none", "probe", "mute", "sticky", "moving", "threads", "bytes")  # a domain for each test
ASK = {
    "model": "claude-sonnet-5",
    "max_tokens": 50,
    "stream": True,
    "messages": [{"role": "user", "content": "go on"}],
}


@pytest.fixture(scope="module")
def pool(make_nexus: Callable[..., Nexus], emulator: Running[Emulator]) -> Nexus:
    """A system of two proxy processes."""
    return make_nexus(PROXY_WORKERS="2", CLAUDE_OAUTH_TOKEN_URL=f"{emulator.url}/v1/oauth/token")


@pytest.fixture
def rules(emulator: Running[Emulator]) -> Iterator[dict[str, str]]:
    """What each credential's answers shall be, in the words of `x-emulate`."""
    yield emulator.app.rules
    emulator.app.rules.clear()


def add(nexus: Nexus, domain: str, *secrets: str) -> list[int]:
    """Credentials of a domain, named after their place; their primary keys.

    In one statement: a process that read a part of them would have a pool of one for a second.
    """
    places = range(len(secrets))
    nexus.execute(
        "WITH made AS (INSERT INTO accounts_domain (name, slack_webhook_url, slack_channel, slack_username, slack_icon_emoji,"
        " slack_enabled, created_at) VALUES (%s, '', '', '', '', true, now()) RETURNING id)"
        " INSERT INTO accounts_credential (domain_id, name, kind, account_id, enabled, api_key, access_token, refresh_token,"
        " scopes, is_max, state, last_error, created_at)"
        " SELECT made.id, one.name, 'api_key', one.account, true, one.key, '', '', '[]', false, 'valid', '', now()"
        " FROM made, unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY AS one (name, account, key, place)"
        " ORDER BY one.place",
        domain,
        [f"name_{place}" for place in places],
        [f"acc_{place}" for place in places],
        [encrypt(secret) for secret in secrets],
    )
    query = "SELECT c.id FROM accounts_credential c JOIN accounts_domain d ON d.id = domain_id WHERE d.name = %s ORDER BY c.id"
    return [int(row["id"]) for row in nexus.rows(query, domain)]


def send(
    nexus: Nexus, domain: str, body: Mapping[str, object], headers: Mapping[str, str]
) -> tuple[httpx.Response, list[str | None]]:
    """The answer over a connection of its own, and the credentials that upstream saw for it."""
    mark = uuid4().hex
    with httpx.Client(base_url=nexus.url, timeout=20) as client:
        all_headers = {"anthropic-version": "2023-06-01", "host": domain, "x-test-id": mark, **headers}
        response = client.post("/v1/messages", json=body, headers=all_headers)
    seen = [entry.credential for entry in nexus.emulator.app.log if entry.value("x-test-id") == mark]
    return response, seen


def ask(nexus: Nexus, domain: str, **headers: str) -> tuple[httpx.Response, list[str | None]]:
    """The same for an ordinary message."""
    return send(nexus, domain, ASK, headers)


def ask_anew(nexus: Nexus) -> tuple[httpx.Response, list[str | None]]:
    """As a session that has no credential yet."""
    return ask(nexus, "two.example", **{"x-claude-code-session-id": uuid4().hex})


@pytest.fixture(scope="module")
def ids_of(pool: Nexus) -> dict[str, list[int]]:
    """By domain the primary keys of its two credentials, which both processes know by now.

    Which of them answers is chance, and each looks once a second.
    """
    found = {f"{name}.example": add(pool, f"{name}.example", *KEYS) for name in NAMES}

    def known() -> bool:
        return all(ask(pool, domain)[1][:1] == [KEYS[0]] for domain in found)

    wait_for(known, 20)
    until = time.monotonic() + 2 * INTERVAL_SECONDS
    while time.monotonic() < until:
        if not known():
            until = time.monotonic() + 2 * INTERVAL_SECONDS
    return found


def forget(nexus: Nexus, ids: list[int]) -> None:
    client = redis_of(nexus)
    for pk in ids:
        client.hdel(credential_health.name_of(f"database:{pk}"), "cooling_until", "cooling_reason")
    client.close()


def redis_of(nexus: Nexus) -> "redis.Redis":
    return redis.Redis.from_url(nexus.proxy.environment["REDIS_URL"], decode_responses=True)


def test_the_second_pays_while_the_first_cools_down_in_all_processes_until_an_operator_ends_it(
    pool: Nexus, ids_of: dict[str, list[int]], rules: dict[str, str]
) -> None:
    ids = ids_of["two.example"]
    rules[KEYS[0]] = "status=429,retry-after=60"

    response, seen = ask(pool, "two.example")
    assert (response.status_code, seen) == (200, list(KEYS))
    row = pool.stored(response.headers["x-nexus-id"])
    assert (row["paid_by"], row["account"], row["passed_over"]) == (
        "database:acc_1",
        "acc_1",
        "database:acc_0 (429)",
    )

    time.sleep(1.2)
    assert [ask(pool, "two.example")[1] for _ in range(12)] == [[KEYS[1]]] * 12
    with ExitStack() as closing:
        client = redis_of(pool)
        closing.callback(client.close)
        reported = client.hgetall(credential_health.name_of(f"database:{ids[0]}"))
        assert reported["cooling_reason"] == "429"
        assert 40 < float(reported["cooling_until"]) - time.time() < 60

    rules.clear()
    forget(pool, ids)
    wait_for(lambda: all(ask_anew(pool)[1] == [KEYS[0]] for _ in range(20)), 10)
    assert "pool.cooling" in pool.proxy.words()
    assert "pool.recovered" in pool.proxy.words()
    assert KEYS[0] not in pool.proxy.words()


def test_a_pool_that_is_exhausted_answers_with_the_earliest_reset_and_so_it_does_after_a_restart(
    pool: Nexus, ids_of: dict[str, list[int]], rules: dict[str, str]
) -> None:
    ids = ids_of["none.example"]
    rules |= {
        KEYS[0]: "status=429,retry-after=200",
        KEYS[1]: "status=429,retry-after=120",
    }  # outlasts the restart

    response, seen = ask(pool, "none.example")

    assert (response.status_code, seen) == (429, list(KEYS))
    assert 100 <= int(response.headers["retry-after"]) <= 120
    assert response.json()["error"]["type"] == "rate_limit_error"
    row = pool.stored(response.headers["x-nexus-id"])
    assert (row["outcome"], row["status"], row["error_type"]) == ("upstream_error", 429, "rate_limit_error")
    pool.proxy.stop()
    pool.proxy.start()
    again, seen = ask(pool, "none.example")
    assert (again.status_code, seen) == (429, [])
    assert int(again.headers["retry-after"]) <= 120
    row = pool.stored(again.headers["x-nexus-id"])
    assert (row["outcome"], row["paid_by"], row["passed_over"]) == (
        "refused",
        "nobody",
        "database:acc_0 (429), database:acc_1 (429)",
    )
    forget(pool, ids)


def test_of_all_processes_requests_one_probes_at_the_end_of_a_cool_down(
    pool: Nexus, ids_of: dict[str, list[int]], rules: dict[str, str]
) -> None:
    ids = ids_of["probe.example"]
    rules |= {KEYS[0]: "status=429,retry-after=3", KEYS[1]: "status=429,retry-after=60"}
    assert ask(pool, "probe.example")[1] == list(KEYS)
    time.sleep(3.2)  # longer than the telling takes
    rules[KEYS[0]] = "delay-ms=1000,status=429,retry-after=60"

    with ThreadPoolExecutor(16) as threads:
        seen = [item for _, item in threads.map(lambda _: ask(pool, "probe.example"), range(16))]

    assert sorted(seen) == [[]] * 15 + [[KEYS[0]]]
    forget(pool, ids)


def test_a_probe_whose_answer_says_nothing_holds_up_no_process(
    pool: Nexus, ids_of: dict[str, list[int]], rules: dict[str, str]
) -> None:
    ids = ids_of["mute.example"]
    rules |= {KEYS[0]: "status=429,retry-after=3", KEYS[1]: "status=429,retry-after=60"}
    assert ask(pool, "mute.example")[1] == list(KEYS)
    time.sleep(3.2)
    rules[KEYS[0]] = "status=403"
    started = time.monotonic()

    with ThreadPoolExecutor(16) as threads:
        responses = list(threads.map(lambda _: ask(pool, "mute.example"), range(16)))

    assert time.monotonic() - started < PROBE_SECONDS - 1
    assert [(response.status_code, seen) for response, seen in responses] == [(403, [KEYS[0]])] * 16
    forget(pool, ids)


def test_a_session_has_one_credential_in_all_processes_and_after_a_restart(
    pool: Nexus, ids_of: dict[str, list[int]], rules: dict[str, str]
) -> None:
    ids = ids_of["sticky.example"]
    session = {"x-claude-code-session-id": uuid4().hex}
    rules[KEYS[0]] = "status=529"
    assert ask(pool, "sticky.example", **session)[1] == list(KEYS)
    rules.clear()
    time.sleep(1.2)  # until the cool-down was shared
    forget(pool, ids)
    wait_for(lambda: all(ask(pool, "sticky.example")[1] == [KEYS[0]] for _ in range(20)), 10)

    assert [ask(pool, "sticky.example", **session)[1] for _ in range(12)] == [[KEYS[1]]] * 12
    pool.proxy.stop()
    pool.proxy.start()
    assert [ask(pool, "sticky.example", **session)[1] for _ in range(6)] == [[KEYS[1]]] * 6


def test_the_record_says_when_a_session_changed_its_organisation(
    pool: Nexus, ids_of: dict[str, list[int]], rules: dict[str, str]
) -> None:
    ids = ids_of["moving.example"]
    pool.emulator.app.organizations |= {KEYS[0]: "org-a", KEYS[1]: "org-b"}
    session = {"x-claude-code-session-id": uuid4().hex}
    assert ask(pool, "moving.example", **session)[1] == [KEYS[0]]
    rules[KEYS[0]] = "status=429,retry-after=30"
    assert [ask(pool, "moving.example", **session)[0].status_code for _ in range(2)] == [429, 429]

    time.sleep(1.2)  # until the cool-down was shared
    forget(pool, ids)
    time.sleep(1.2)  # until its end was heard of
    rules[KEYS[0]] = "status=429,retry-after=90"
    responses = [ask(pool, "moving.example", **session)[0] for _ in range(2)]

    assert [response.headers["anthropic-organization-id"] for response in responses] == ["org-b"] * 2
    rows = [pool.stored(response.headers["x-nexus-id"]) for response in responses]
    assert [(row["paid_by"], row["left_organisation"]) for row in rows] == [
        ("database:acc_1", "org-a"),
        ("database:acc_1", ""),
    ]
    pool.emulator.app.organizations.clear()
    forget(pool, ids)


def test_ids_lead_to_their_account_within_one_domain_and_never_across(
    pool: Nexus, ids_of: dict[str, list[int]], rules: dict[str, str]
) -> None:
    others = tuple(f"sk-ant-api03-{name}-{uuid4().hex}" for name in ("third", "fourth"))
    ids = ids_of["threads.example"]
    add(pool, "stranger.example", *others)
    wait_for(lambda: all(ask(pool, "stranger.example")[1] == [others[0]] for _ in range(20)), 10)
    rules[KEYS[0]] = "status=529"
    given = send(pool, "threads.example", ASK | {"stream": False}, {})[0].json()["id"]
    rules.clear()
    time.sleep(1.2)  # until the cool-down and the id were shared
    forget(pool, ids)
    wait_for(lambda: all(ask(pool, "threads.example")[1] == [KEYS[0]] for _ in range(20)), 10)

    following = ASK | {"thread": {"type": "continue", "previous_message_id": given}}
    seen = [
        [send(pool, domain, following, {})[1] for _ in range(8)]
        for domain in ("threads.example", "stranger.example")
    ]
    assert seen == [[[KEYS[1]]] * 8, [[others[0]]] * 8]
    with ExitStack() as closing:
        client = redis_of(pool)
        closing.callback(client.close)
        assert list(client.scan_iter("nexus:id:*"))
        assert not list(client.scan_iter(f"*{given}*"))


def test_an_answer_reaches_the_client_byte_for_byte_whoever_paid(
    pool: Nexus, ids_of: dict[str, list[int]], rules: dict[str, str]
) -> None:
    ids = ids_of["bytes.example"]
    rules[KEYS[0]] = "status=529"
    script = json.dumps({"kept": " exactly \u2028 "}, ensure_ascii=False).encode()
    pool.emulator.app.script(
        "pool", Script(200, (("content-type", "application/json"),), (script[:7], script[7:]))
    )
    rules[KEYS[1]] = "script=pool"

    response, seen = ask(pool, "bytes.example")

    assert (response.content, seen) == (script, list(KEYS))
    forget(pool, ids)


def test_a_refused_token_is_refreshed_once_and_the_client_sees_nothing_of_it(pool: Nexus) -> None:
    emulator = pool.emulator.app
    old = f"sk-ant-oat01-{uuid4().hex}"
    tokens = {"accessToken": old, "refreshToken": f"sk-ant-ort01-{uuid4().hex}", "expiresAt": 4e12}
    path = pool.data_dir / "credentials" / "token.example.credentials.json"
    path.write_text(json.dumps({"type": "oauth", "accountId": "acc_1", "oauth": tokens}))
    # Each process has looked at the folder: of so many connections none went to one that has not.
    wait_for(lambda: all(ask(pool, "token.example")[1] == [old] for _ in range(20)), 10)
    calls = emulator.oauth.calls
    emulator.revoked.add(old)

    response, seen = ask(pool, "token.example")

    assert response.status_code == 200
    assert seen == [old, json.loads(path.read_text())["oauth"]["accessToken"]]
    assert all(ask(pool, "token.example")[0].status_code == 200 for _ in range(6))
    assert emulator.oauth.calls == calls + 1
