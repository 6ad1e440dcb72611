"""What the proxy's port answers itself."""

import json
from collections.abc import Callable

import httpx
import pytest
import redis

from accounts import guesses
from tests.flow import wire
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for


@pytest.mark.parametrize("path", ["/", "/health", "/health/ready", "/health/live", "/api/hello"])
def test_e0_descriptions_and_health_answer_get_and_head(nexus: Nexus, path: str) -> None:
    got, headed = nexus.client().get(path), nexus.client().head(path)

    assert (got.status_code, headed.status_code) == (200, 200)
    assert got.json()
    assert headed.content == b""


def test_e0_health_has_the_predecessors_shape(nexus: Nexus) -> None:
    assert nexus.client().get("/health").json().keys() >= {"status", "service", "version", "timestamp"}
    assert nexus.client().get("/health/live").json()["alive"] is True
    assert nexus.client().get("/health/ready").json()["ready"] is True


def test_claude_codes_telemetry_ends_here(nexus: Nexus) -> None:
    response = nexus.client().post("/api/event_logging/batch", json={"secret": 1})

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert not [entry for entry in nexus.emulator.app.log if "event_logging" in entry.path]


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v2/messages", "/admin/", "/api/stats"])
def test_other_paths_are_404_in_the_apis_shape(nexus: Nexus, path: str) -> None:
    response = nexus.client().get(path)

    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("settings.json", 200, "application/json"),
        ("setup.sh", 200, "text/x-shellscript"),
        ("notes", 200, "text/plain; charset=utf-8"),
        ("..%2fsecret", 400, "application/json"),
        ("../credentials", 400, "application/json"),
        (".hidden", 400, "application/json"),
        ("absent.json", 404, "application/json"),
    ],
)
def test_e0_client_setup_serves_plain_files_only(
    setup_nexus: Nexus, name: str, status: int, kind: str
) -> None:
    response = wire.send(setup_nexus.url, wire.request_bytes("GET", f"/client-setup/{name}", []))

    assert (response.status, response.value("content-type")) == (status, kind)


@pytest.fixture(scope="module")
def setup_nexus(make_nexus: Callable[..., Nexus], tmp_path_factory: pytest.TempPathFactory) -> Nexus:
    folder = tmp_path_factory.mktemp("setup")
    for name in ("settings.json", "setup.sh", "notes", ".hidden"):
        (folder / name).write_text("x")
    return make_nexus(
        CLIENT_SETUP_DIR=str(folder),
        CORS_ALLOWED_ORIGINS="https://app.example",
        DASHBOARD_API_KEY="the-key",
        STORAGE_ENABLED="false",
    )


def test_e0_a_preflight_of_an_allowed_origin_is_answered(setup_nexus: Nexus) -> None:
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}

    allowed = setup_nexus.client(**asked).options("/v1/messages")
    foreign = setup_nexus.client(**{**asked, "origin": "https://evil.example"}).options("/v1/messages")

    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in foreign.headers


def test_an_allowed_origin_can_read_its_answer(setup_nexus: Nexus) -> None:
    headers = {"origin": "https://app.example", "x-api-key": "sk-ant-api03-mine"}

    response = setup_nexus.client(**headers).get("/v1/models")

    assert (response.status_code, response.headers["access-control-allow-origin"]) == (
        200,
        "https://app.example",
    )


def test_e0_with_storage_off_tokens_are_counted_once_and_nothing_is_stored(setup_nexus: Nexus) -> None:
    body = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
    host = {"host": "counted.example"}

    usage = [setup_nexus.client(**host).post("/v1/messages", json=body).json()["usage"] for _ in range(3)]

    def stats() -> dict[str, int]:
        found: dict[str, int] = setup_nexus.client().get("/token-stats?domain=counted.example").json() or {}
        return found

    wait_for(lambda: stats().get("requestCount") == 3)
    assert stats()["outputTokens"] == sum(each["output_tokens"] for each in usage)
    assert stats()["inputTokens"] == sum(each["input_tokens"] for each in usage)
    assert {
        "cacheReadInputTokens",
        "cacheCreationInputTokens",
        "toolCallCount",
        "lastUpdated",
    } <= stats().keys()
    assert (
        setup_nexus.rows("SELECT 1 FROM proxy_exchange") + setup_nexus.rows("SELECT 1 FROM proxy_blob") == []
    )


def test_predecessor_defect_28_token_stats_are_open_to_this_machine_only(setup_nexus: Nexus) -> None:
    forwarded = {"x-forwarded-for": "203.0.113.9"}

    assert setup_nexus.client().get("/token-stats").status_code == 200
    assert setup_nexus.client(**forwarded).get("/token-stats").status_code == 401
    assert setup_nexus.client().get("/oauth-metrics").json()["currentActiveRefreshes"] == 0
    assert setup_nexus.client(**forwarded).get("/oauth-metrics").status_code == 401
    for name, value in (
        ("x-dashboard-key", "the-key"),
        ("x-api-key", "the-key"),
        ("authorization", "Bearer the-key"),
    ):
        assert setup_nexus.client(**{**forwarded, name: value}).get("/token-stats").status_code == 200


def test_guesses_of_the_key_are_throttled_at_the_proxy_as_at_the_dashboard(
    setup_nexus: Nexus,
) -> None:
    def guess(value: str, path: str = "/token-stats") -> httpx.Response:
        return setup_nexus.client(**{"x-forwarded-for": "203.0.113.9", "x-api-key": value}).get(path)

    try:
        wrong = [guess(f"wrong-{n}").status_code for n in range(guesses.LIMIT)]
        refused = [guess("the-key"), guess("the-key", "/oauth-metrics")]
    finally:
        with redis.Redis.from_url(setup_nexus.proxy.environment["REDIS_URL"]) as store:
            store.delete(guesses._redis_key("127.0.0.1"))

    assert wrong == [401] * guesses.LIMIT
    for response in refused:
        assert (response.status_code, response.json()["error"]["type"]) == (429, "rate_limit_error")
        assert 0 < int(response.headers["retry-after"]) <= guesses.WINDOW_SECONDS
    assert guess("the-key").status_code == 200


@pytest.mark.parametrize("name", ["never.example", "a%00b", "%ff", "%22", "..%2f.."])
def test_e0_an_unknown_domain_has_null_token_stats(nexus: Nexus, name: str) -> None:
    response = nexus.client().get(f"/token-stats?domain={name}")

    assert (response.status_code, json.loads(response.content)) == (200, None)
