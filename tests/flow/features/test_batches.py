"""The life of a message batch with the real SDK, through proxy and worker into the database: it costs what it must, once."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest
from anthropic import Anthropic, DefaultHttpxClient
from anthropic.types import Message
from anthropic.types.messages import MessageBatchIndividualResponse

from nexus_project.demo.samples.sender import Sender
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for

SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
FOR_AN_HOUR = {"type": "ephemeral", "ttl": "1h"}
# USD per million tokens: input, output, cache read, cache write for 5 minutes and for an hour.
PRICES = {
    "claude-haiku-4-5": "1 5 0.10 1.25 2",
    "claude-opus-4-5": "5 25 0.50 6.25 10",
    "claude-sonnet-4-6": "3 15 0.30 3.75 6",
}


def request(name: str, model: str, text: str = "Why is this query slow?", **more: object) -> Any:
    params = {"model": model, "max_tokens": 200, "messages": [{"role": "user", "content": text}]}
    return {"custom_id": name, "params": params | more}


def requests() -> list[Any]:
    rules = f"{uuid4()} " + "Prefer the standard library, and name the file that you would change. " * 100
    return [
        request("plain", "claude-haiku-4-5"),
        request("again", "claude-haiku-4-5", "Which status fits a late request?"),
        request(
            "cached",
            "claude-opus-4-5",
            system=[{"type": "text", "text": rules, "cache_control": FOR_AN_HOUR}],
        ),
        request("search", "claude-sonnet-4-6", "What changed in the last release?", tools=[SEARCH]),
        request("wrong", "claude-no-such-model"),
    ]


def invoice(message: Message) -> Decimal:
    """What one answer of a batch costs by the price list, worked out apart from Nexus."""
    reported = message.usage.to_dict()
    written: Any = reported["cache_creation"]
    counts = (
        reported["input_tokens"],
        reported["output_tokens"],
        reported["cache_read_input_tokens"],
        written["ephemeral_5m_input_tokens"],
        written["ephemeral_1h_input_tokens"],
    )
    prices = map(Decimal, PRICES[message.model].split())
    tokens = sum((Decimal(str(n)) * price for n, price in zip(counts, prices, strict=True)), Decimal(0))
    tools = message.usage.server_tool_use
    searches = tools.web_search_requests if tools else 0
    return tokens / 2 / 1_000_000 + Decimal(searches) / 100


@pytest.fixture
def sender(nexus: Nexus) -> Iterator[Sender]:
    sender = Sender(nexus.url, "sk-ant-api03-of-the-client")
    yield sender
    sender.close()


@pytest.fixture
def domains() -> tuple[str, str]:
    return f"{uuid4().hex}.example", f"{uuid4().hex}.example"


def rows(nexus: Nexus, *domains: str, count: int) -> list[dict[str, Any]]:
    """The exchanges of these domains in the order of time, once all are stored."""
    query = "SELECT * FROM proxy_exchange WHERE domain = ANY(%s) ORDER BY id"
    wait_for(lambda: len(nexus.rows(query, list(domains))) == count, 20, nexus._words)
    return nexus.rows(query, list(domains))


def costs(results: list[MessageBatchIndividualResponse]) -> Decimal:
    responses = [line.result.message for line in results if line.result.type == "succeeded"]
    return sum(map(invoice, responses), Decimal(0))


def test_a_batch_costs_its_creator_what_its_answers_cost_however_often_it_is_fetched(
    nexus: Nexus, sender: Sender, domains: tuple[str, str]
) -> None:
    owner, other = domains
    created = sender.client(owner).messages.batches.create(requests=requests())
    # The emulator is done at once, and two workers may store the results before the creation; the API takes its time.
    rows(nexus, owner, count=1)

    first = list(sender.client(other).messages.batches.results(created.id))
    again = list(sender.client(owner).messages.batches.results(created.id))

    create, _, counted, _, repeated = rows(nexus, owner, other, count=5)
    expected = costs(first)
    assert [line.result.type for line in again] == ["succeeded"] * 4 + ["errored"]
    assert {line.custom_id for line in first} == {"plain", "again", "cached", "search", "wrong"}
    assert first[2].result.type == "succeeded"
    assert (first[2].result.message.usage.cache_creation_input_tokens or 0) > 1_000
    assert (create["cost_state"], create["request_type"]) == ("none", "batch")
    assert (counted["cost_usd"], counted["cost_state"]) == (expected, "exact")
    assert (counted["model"], counted["domain"], counted["counts_as"]) == ("(several)", other, owner)
    assert (repeated["cost_state"], repeated["cost_usd"]) == ("none", None)
    assert repeated["usage"]["batch"]["counted_by"] == str(counted["id"])
    totals = nexus.rows("SELECT * FROM proxy_domaintotal WHERE domain = ANY(%s)", list(domains))
    assert {row["domain"]: row["cost_usd"] for row in totals} == {owner: expected, other: Decimal(0)}
    [batch] = nexus.rows("SELECT * FROM proxy_messagebatch WHERE id = %s", created.id)
    assert (batch["domain"], batch["requests"]) == (owner, 5)
    assert (batch["created_by"], batch["counted_by"]) == (create["id"], counted["id"])


def test_results_that_were_cut_do_not_count_and_the_whole_ones_do(
    nexus: Nexus, sender: Sender, domains: tuple[str, str]
) -> None:
    owner, _ = domains
    batches = sender.client(owner).messages.batches
    created = batches.create(requests=requests())
    address = f"/v1/messages/batches/{created.id}/results"

    with (
        nexus.client(
            host=owner, **{"x-emulate": "cut-after=900", "x-api-key": "sk-ant-api03-mine"}
        ) as client,
        client.stream("GET", address) as response,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        response.read()
    expected = costs(list(batches.results(created.id)))

    _, cut, _, whole = rows(nexus, owner, count=4)
    assert (cut["outcome"], cut["cost_state"], cut["cost_usd"]) == ("upstream_cut", "partial", None)
    assert (whole["cost_usd"], whole["cost_state"]) == (expected, "exact")
    [total] = nexus.rows("SELECT * FROM proxy_domaintotal WHERE domain = %s", owner)
    assert (total["cost_usd"], total["partial"]) == (expected, 1)


def test_the_sdk_alone_follows_the_apis_address_past_nexus(nexus: Nexus, domains: tuple[str, str]) -> None:
    owner, _ = domains
    with Anthropic(
        api_key="sk-ant-api03-of-the-client",
        base_url=nexus.url,
        default_headers={"Host": owner},
        http_client=DefaultHttpxClient(trust_env=False),
    ) as client:
        created = client.messages.batches.create(requests=requests())
        assert len(list(client.messages.batches.results(created.id))) == 5

    assert [row["method"] for row in rows(nexus, owner, count=2)] == ["POST", "GET"]
    assert nexus.rows("SELECT counted_by FROM proxy_messagebatch WHERE id = %s", created.id) == [
        {"counted_by": None}
    ]
