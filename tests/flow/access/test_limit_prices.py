"""A cap of one dollar is not disarmed by what has no plain price: the third of three dear requests is refused."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.flow.conftest import Nexus
from tests.flow.services import wait_for

# By the shipped prices each costs, or may cost, a little more than half a dollar.
DEAR: dict[str, tuple[dict[str, Any], str, str]] = {
    "a model without a price": ({"model": "claude-opus-9"}, "prompt-tokens=35000", "unpriced"),
    "a family without a price": ({"model": "claude-novel-1"}, "prompt-tokens=35000", "unpriced"),
    "fast mode": ({"model": "claude-opus-5-5", "speed": "fast"}, "prompt-tokens=65000", "exact"),
    "inference in the US": (
        {"model": "claude-opus-5-5", "inference_geo": "us"},
        "prompt-tokens=118000",
        "exact",
    ),
    "the upper band": ({"model": "claude-haiku-5-5"}, "prompt-tokens=1050000", "exact"),
    "an answer that was cut": (
        {"model": "claude-opus-5-5", "stream": True, "max_tokens": 40_000},
        "prompt-tokens=126000, events=50, cut-after=5",
        "partial",
    ),
    "output that a cut answer did not tell": (
        {"model": "claude-opus-4-1", "stream": True, "max_tokens": 40_000},
        "prompt-tokens=32000, events=50, event-delay-ms=100, cut-after=30",
        "partial",
    ),
}
ASK = {"max_tokens": 20, "messages": [{"role": "user", "content": "How much?"}]}


@pytest.fixture(scope="module")
def capped(nexus: Nexus) -> Nexus:
    """Each domain has a cap, and the proxy knows it."""
    for name in DEAR:
        nexus.execute(
            "WITH made AS (INSERT INTO accounts_domain (name, slack_webhook_url, slack_channel, slack_username,"
            " slack_icon_emoji, slack_enabled, created_at) VALUES (%s, '', '', '', '', true, now()) RETURNING id)"
            " INSERT INTO accounts_limit (domain_id, usd_per_day, updated_at) SELECT id, 0, now() FROM made",
            domain_of(name),
        )
    for name in DEAR:
        wait_for_error(nexus, domain_of(name), "billing_error")
    nexus.execute(
        "UPDATE accounts_limit SET usd_per_day = 1 FROM accounts_domain AS domain"
        " WHERE domain.id = domain_id AND domain.name = ANY(%s)",
        [domain_of(name) for name in DEAR],
    )
    for name in DEAR:
        wait_for_error(nexus, domain_of(name), "")
    return nexus


def domain_of(name: str) -> str:
    return f"{name.replace(' ', '-').lower()}.example"


def wait_for_error(nexus: Nexus, domain: str, error: str) -> None:
    """Until a plain request has this error."""
    wait_for(lambda: send(nexus, domain, {"model": "claude-haiku-4-5"}, "") == error, 5)


def send(nexus: Nexus, domain: str, body: dict[str, Any], directives: str) -> str:
    """The type of the error, "" for an answer, also one that breaks off."""
    client = nexus.client(host=domain, **({"x-emulate": directives} if directives else {}))
    received = b""
    try:
        with client.stream("POST", "/v1/messages", json={**ASK, **body}) as response:
            for fragment in response.iter_raw():
                received += fragment
    except httpx.RemoteProtocolError:
        pass
    return "" if response.status_code == 200 else str(json.loads(received)["error"]["type"])


@pytest.mark.parametrize("name", DEAR)
def test_the_third_of_three_dear_requests_is_refused(capped: Nexus, name: str) -> None:
    body, directives, state = DEAR[name]
    domain = domain_of(name)

    def counted() -> list[dict[str, Any]]:
        return capped.rows(
            "SELECT cost_state, coalesce(cost_usd, 0) AS cost, coalesce(estimated_usd, 0) AS estimated FROM proxy_exchange"
            " WHERE domain = %s AND model = %s AND outcome <> 'refused'",
            domain,
            body["model"],
        )

    for sent in (1, 2):
        # What is stored stays reserved until the next moment, in which the worker tells of it.
        wait_for(lambda: send(capped, domain, body, directives) == "", 10)
        wait_for(lambda sent=sent: len(counted()) == sent, 15)  # type: ignore[misc]  # bound at once
    # Spent, and not only reserved: what is stored holds.
    wait_for(lambda: send(capped, domain, body, directives) == "billing_error", 5)

    rows = counted()
    assert len(rows) == 2
    assert {row["cost_state"] for row in rows} == {state}
    assert Decimal(1) < sum(row["cost"] + row["estimated"] for row in rows) < Decimal("1.5")
