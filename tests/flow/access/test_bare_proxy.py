"""A proxy alone, as `docker run` of its image starts it: no PostgreSQL, no Redis, files and environment serve."""

import json

import pytest

from tests.flow import wire
from tests.flow.bare import Bare, Starter
from tests.flow.services import wait_for

OPERATOR_KEY = "sk-ant-api03-from-the-environment"


@pytest.fixture(scope="module")
def bare(start_bare: Starter) -> Bare:
    return start_bare(CLAUDE_API_KEY=OPERATOR_KEY)


@pytest.mark.parametrize(
    "host", ["localhost:3000", "LOCALHOST:3000", "Api.Example", "api.example:8443", "[::1]:3000"]
)
def test_e0_a_file_named_after_the_host_pays_with_its_port_or_without(bare: Bare, host: str) -> None:
    names = {"localhost:3000": "localhost:3000", "api.example": "api.example", "[::1]:3000": "[::1]:3000"}
    name = names.get(host.lower(), "api.example")
    file = {"type": "api_key", "api_key": f"sk-ant-api03-file-{name}"}
    (bare.folder / f"{name}.credentials.json").write_text(json.dumps(file))

    wait_for(lambda: bare.paid(host) == (200, f"sk-ant-api03-file-{name}"), 3)


def test_e0_the_request_pays_before_claude_api_key(bare: Bare) -> None:
    assert bare.paid("nobody.example", ("x-api-key", b"sk-ant-api03-mine")) == (200, "sk-ant-api03-mine")
    assert bare.paid("nobody.example", ("authorization", b"Bearer sk-ant-oat01-mine")) == (
        200,
        "sk-ant-oat01-mine",
    )
    assert bare.paid("nobody.example") == (200, OPERATOR_KEY)


def test_e0_where_nobody_pays_the_answer_says_what_to_do(start_bare: Starter) -> None:
    bare = start_bare(CLAUDE_API_KEY="")

    response = wire.send(bare.url, wire.request_bytes("GET", "/v1/models", [], host="poor.example"))

    error = json.loads(response.body)["error"]
    assert (response.status, error["type"]) == (401, "authentication_error")
    assert "poor.example" in error["message"]
    assert "x-api-key" in error["message"]


def test_without_postgresql_token_stats_say_what_is_missing(bare: Bare) -> None:
    response = wire.send(bare.url, wire.request_bytes("GET", "/token-stats", []))

    assert response.status == 503
    assert "DATABASE_URL" in json.loads(response.body)["error"]["message"]


def test_a_forwarded_host_counts_only_from_a_trusted_proxy(bare: Bare, start_bare: Starter) -> None:
    forwarded = ("x-forwarded-host", b"inner.example")
    trusting = start_bare(CLAUDE_API_KEY=OPERATOR_KEY, TRUSTED_PROXIES="127.0.0.0/8")
    distrusting = start_bare(CLAUDE_API_KEY=OPERATOR_KEY, TRUSTED_PROXIES="10.0.0.0/8")
    for each in (bare, trusting, distrusting):
        file = {"type": "api_key", "api_key": "sk-ant-api03-inner"}
        (each.folder / "inner.example.credentials.json").write_text(json.dumps(file))
        wait_for(lambda: each.paid("inner.example")[1] == "sk-ant-api03-inner", 3)  # noqa: B023 - used at once

    assert trusting.paid("outer.example", forwarded) == (200, "sk-ant-api03-inner")
    assert bare.paid("outer.example", forwarded) == (200, OPERATOR_KEY)
    assert distrusting.paid("outer.example", forwarded) == (200, OPERATOR_KEY)


def test_the_warning_names_who_was_passed_over_and_who_paid(bare: Bare) -> None:
    oauth = {"accessToken": "sk-ant-oat01-x", "refreshToken": "", "expiresAt": 1}
    dead = {"type": "oauth", "accountId": "acc_dead", "oauth": oauth}
    (bare.folder / "dead.example.credentials.json").write_text(json.dumps(dead))

    def warning() -> str:
        bare.paid("dead.example")
        return next((line for line in bare.process.words().splitlines() if "access.passed_over" in line), "")

    wait_for(warning, 3)
    assert all(word in warning() for word in ("dead.example", "acc_dead", "environment:CLAUDE_API_KEY"))


def test_what_no_file_can_be_named_after_pays_nothing_of_anybody(bare: Bare) -> None:
    for host in ("../inner.example", "a/b", "%2e%2e", "a\\b", "", ".", ".."):
        assert bare.paid(host)[0] == 400


def test_a_bare_proxy_has_no_traceback(bare: Bare) -> None:
    assert bare.paid("nobody.example")[0] == 200
    assert "Traceback" not in bare.process.words()
