"""What the owner's document of the first system promises, through real processes.

`grep -rn "test_e0_" tests` lists all of it: credentials, endpoints, Slack and pages lie with their parts.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from nexus_project import env
from nexus_project.stack.machine import ports
from nexus_project.stack.supervision import commands
from tests.flow.conftest import Nexus
from tests.flow.services import Process, wait_for
from tests.notifications.collector import Collector, serve

KEY = "the-key-of-this-dashboard"
ASK: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 60,
    "messages": [{"role": "user", "content": "hello"}],
}
TWO_BLOCKS = [{"type": "text", "text": "You help."}, {"type": "text", "text": "Be brief."}]
TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("PROXY_PORT", "3000"), ("DASHBOARD_PORT", "3001"), ("HOST", "127.0.0.1"), ("DEBUG", "false"), ("STORAGE_ENABLED", "false"),
        ("CREDENTIALS_DIR", "credentials"), ("CLAUDE_API_BASE_URL", "https://api.anthropic.com"), ("NEXUS_DATA_DIR", "var"),
        ("CORS_ALLOWED_ORIGINS", ""), ("TRUSTED_PROXIES", ""), ("ENABLE_CLIENT_AUTH", ""), ("CLAUDE_API_KEY", ""),
        ("DATABASE_URL", ""), ("REDIS_URL", ""), ("DASHBOARD_API_KEY", ""), ("DASHBOARD_URL", ""), ("SLACK_WEBHOOK_URL", ""),
        ("TELEMETRY_ENDPOINT", ""), ("FIELD_ENCRYPTION_KEYS", ""), ("SECRET_KEY", ""),
    ],
)  # fmt: skip
def test_e0_each_setting_has_its_name_and_default(name: str, default: str) -> None:
    assert env.DOCUMENTED[name] == default


@pytest.mark.parametrize(
    ("system", "extra", "text", "kind"),
    [
        (None, [], "hello", "query_evaluation"),
        ("You help.", [], "hello", "query_evaluation"),
        (TWO_BLOCKS[:1], [], "hello", "query_evaluation"),
        (TWO_BLOCKS, [], "hello", "inference"),
        ("You help.", [{"role": "system", "content": "More."}], "hello", "inference"),
        (TWO_BLOCKS, [], " Quota ", "quota"),
    ],
    ids=["no system", "a string", "one block", "two blocks", "one and a message", "quota"],
)
def test_e0_the_request_type_follows_from_the_number_of_system_prompts(
    nexus: Nexus, system: object, extra: list[dict[str, str]], text: str, kind: str
) -> None:
    body = {**ASK, "messages": [{"role": "user", "content": text}, *extra]}
    if system is not None:
        body["system"] = system

    response = nexus.client().post("/v1/messages", json=body)

    assert nexus.stored(response.headers["x-nexus-id"])["request_type"] == kind


def test_e0_token_stats_count_types_tools_errors_and_tokens_per_domain(nexus: Nexus) -> None:
    domain = f"{uuid4().hex}.example"
    tool = {**ASK, "system": TWO_BLOCKS, "tools": [TOOL], "tool_choice": {"type": "tool", "name": "look"}}
    bodies = [ASK, {**ASK, "system": TWO_BLOCKS}, tool]
    usages = [nexus.client(host=domain).post("/v1/messages", json=body).json()["usage"] for body in bodies]
    nexus.client(host=domain, **{"x-emulate": "status=529"}).post("/v1/messages", json=ASK)

    def stats() -> dict[str, Any]:
        return dict(nexus.client().get("/token-stats").json().get(domain, {}))

    wait_for(lambda: stats().get("requestCount") == 4, 15)
    found = stats()
    assert found.pop("lastUpdated") > 1_700_000_000_000
    assert found == {
        "inputTokens": sum(usage["input_tokens"] for usage in usages),
        "outputTokens": sum(usage["output_tokens"] for usage in usages),
        "cacheReadInputTokens": sum(usage["cache_read_input_tokens"] for usage in usages),
        "cacheCreationInputTokens": sum(usage["cache_creation_input_tokens"] for usage in usages),
        "requestCount": 4,
        "queryEvaluationCount": 2,
        "inferenceCount": 2,
        "toolCallCount": 1,
    }


def test_e0_credentials_in_headers_are_stored_masked(nexus: Nexus) -> None:
    secret = f"sk-ant-api03-{uuid4().hex}"
    response = nexus.client(**{"x-api-key": secret, "user-agent": "seen"}).post("/v1/messages", json=ASK)
    nexus.stored(response.headers["x-nexus-id"])

    headers = dict(nexus.headers(response.headers["x-nexus-id"])[0])
    assert headers["user-agent"] == "seen"
    assert "****" in headers["x-api-key"]
    assert secret[13:] not in json.dumps(headers)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with serve() as running:
        yield running


@pytest.fixture(scope="module")
def shown(make_nexus: Callable[..., Nexus], collector: Collector) -> Nexus:
    return make_nexus(
        STORAGE_ENABLED="true", DASHBOARD_API_KEY=KEY, TELEMETRY_ENDPOINT=collector.url, DASHBOARD_URL=""
    )


@pytest.fixture(scope="module")
def api(shown: Nexus) -> Iterator[httpx.Client]:
    """The data API of a real dashboard."""
    place = commands.Deployment("127.0.0.1", ports.free(), ports.free(), shown.data_dir / "var")
    log = shown.data_dir / "dashboard.log"
    dashboard = Process(commands.dashboard(place), shown.proxy.environment, log).start()
    with httpx.Client(base_url=place.dashboard_url, headers={"x-dashboard-key": KEY}, timeout=20) as client:
        yield client
    dashboard.stop()


def test_e0_the_four_endpoints_of_the_data_api_show_a_request(shown: Nexus, api: httpx.Client) -> None:
    response = shown.client(host="shown.example").post("/v1/messages", json=ASK)
    exchange_id, usage = response.headers["x-nexus-id"], response.json()["usage"]
    shown.stored(exchange_id)

    stats = api.get("/api/stats", params={"domain": "shown.example"}).json()
    (listed,) = api.get("/api/requests", params={"domain": "shown.example"}).json()["requests"]
    detail = api.get(f"/api/requests/{exchange_id}").json()
    domains = api.get("/api/domains").json()["domains"]

    assert (stats["totalRequests"], stats["totalOutputTokens"]) == (1, usage["output_tokens"])
    assert (listed["requestId"], listed["responseStatus"]) == (exchange_id, 200)
    assert (detail["requestBody"], detail["responseBody"]) == (ASK, response.json())
    assert {"domain": "shown.example", "requestCount": 1} in domains
    assert httpx.get(f"{api.base_url}/api/requests").status_code == 401


def test_e0_telemetry_tells_of_each_request(shown: Nexus, collector: Collector) -> None:
    response = shown.client(host="told.example").post("/v1/messages", json=ASK)

    wait_for(
        lambda: [reported for reported in collector.reports() if reported["domain"] == "told.example"], 15
    )
    (reported,) = [reported for reported in collector.reports() if reported["domain"] == "told.example"]
    assert reported["requestId"] == response.headers["x-nexus-id"]
    assert reported["outputTokens"] == response.json()["usage"]["output_tokens"]
    assert (reported["status"], reported["requestType"], reported["toolCallCount"]) == (
        200,
        "query_evaluation",
        0,
    )
    assert "sk-ant" not in json.dumps(reported)


def test_e0_an_accepted_request_is_stored_once_and_the_pipeline_adds_up(
    shown: Nexus, api: httpx.Client
) -> None:
    ids = [shown.client().post("/v1/messages", json=ASK).headers["x-nexus-id"] for _ in range(5)]
    for exchange_id in ids:
        shown.stored(exchange_id)

    wait_for(lambda: api.get("/api/pipeline").json()["waiting"] == 0, 10)
    report = api.get("/api/pipeline").json()
    assert report["accepted"] == report["stored"] + report["waiting"] + report["dropped"]
    assert report["dropped"] == 0
