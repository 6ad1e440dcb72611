"""Made-up traffic: what the database then holds is what ingest would have made of the same exchanges."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, models
from django.db.models import Count, Max, Min

from proxy.conversations.keys import conversation_id
from proxy.record import CLIENT_LEFT, COMPLETE, REFUSED, UPSTREAM_ERROR
from proxy.store.bodies.blobs import body_of, decode_chunks
from proxy.store.bodies.headers import headers_of
from proxy.store.models import (
    Blob,
    CacheBreak,
    Conversation,
    ConversationHour,
    DomainTotal,
    Exchange,
    ExchangeBody,
    Finding,
    Offer,
    Receipt,
    Rollup,
    SearchText,
    Spool,
    Turn,
)
from proxy.store.pipeline import pipeline
from proxy.store.postgres.partitions import MODELS, TABLES
from proxy.store.pricing.book import book
from proxy.store.rebuilding import conversations as conversations_of
from proxy.store.seeding import seed
from proxy.store.seeding.conversations import agent, conversation
from proxy.store.seeding.seed import SeedError, Wish
from proxy.store.sums import rollups
from proxy.wire.messages import read_response
from proxy.wire.requests import read_request
from tests import people
from tests.roles import OWNER

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER), pytest.mark.usefixtures("prices")]

# Twenty days before it lie in two months.
END = datetime(2026, 10, 12, 13, 25, tzinfo=UTC)
WISH = Wish(1500, 20, 1, END)


def fill(wish: Wish = WISH) -> None:
    seed.seed(wish, lambda *step: None, jobs=1)


def rows_of(model: type[models.Model]) -> list[dict[str, Any]]:
    """All rows without what the database numbers by itself, in an order of their own."""
    rows = [dict(row) for row in model._default_manager.values()]
    return sorted(({name: value for name, value in row.items() if name != "id"} for row in rows), key=repr)


def test_so_many_exchanges_over_so_many_days_are_made() -> None:
    fill()

    found = Exchange.objects.aggregate(n=Count("id"), first=Min("started_at"), last=Max("started_at"))
    assert found["n"] == 1500
    assert END - timedelta(days=20) <= found["first"] < END - timedelta(days=19)
    assert END - timedelta(hours=20) < found["last"] < END


def test_every_table_by_month_has_a_row_for_each_exchange() -> None:
    fill()

    # Blobs are shared, hours hold several exchanges, few turns have an offer, and what is found in turns comes later.
    found = {
        model: model._default_manager.count()
        for model in MODELS
        if model not in (Blob, Turn, Offer, SearchText, ConversationHour, CacheBreak, Finding)
    }
    assert found == dict.fromkeys(found, 1500)


def test_conversations_are_what_a_rebuild_would_make_of_them() -> None:
    fill()
    sessions = Conversation.objects.exclude(session_id="").order_by("id")
    made = list(sessions.values())

    assert Turn.objects.count() > 1000
    assert Offer.objects.exists()
    assert SearchText.objects.count() > 1000
    assert sum(row["turns"] for row in made) > 1000
    assert all(row["title"] for row in made)
    assert {row["id"] for row in made} == {
        conversation_id(row["domain"], row["session_id"], b"") for row in made
    }

    conversations_of.count(lambda done, of: None)
    assert list(sessions.values()) == made


def test_rollups_and_totals_are_what_ingest_would_have_summed() -> None:
    fill()
    summed = rows_of(Rollup), rows_of(DomainTotal)
    Rollup.objects.all().delete()
    DomainTotal.objects.all().delete()

    rollups.add(list(Exchange.objects.all()), kept=True)

    assert summed == (rows_of(Rollup), rows_of(DomainTotal))


def test_what_is_made_up_is_added_to_what_is_there() -> None:
    fill()
    fill(Wish(700, 20, 2, END))
    summed = rows_of(Rollup), rows_of(DomainTotal)
    Rollup.objects.all().delete()
    DomainTotal.objects.all().delete()

    rollups.add(list(Exchange.objects.all()), kept=True)

    assert summed == (rows_of(Rollup), rows_of(DomainTotal))


def test_every_exchange_was_accepted_and_stored_under_a_serial_of_its_own() -> None:
    fill()

    for spool in Spool.objects.all():
        serials = Exchange.objects.filter(spool=spool.id).order_by("serial").values_list("serial", flat=True)
        assert list(serials) == list(range(1, spool.stored + 1))
    state = pipeline()
    assert (state.accepted, state.stored, state.gaps, state.dropped) == (1500, 1500, 0, 0)
    columns = ("id", "spool", "serial")
    assert set(Receipt.objects.values_list(*columns)) == set(Exchange.objects.values_list(*columns))


def test_every_row_says_what_its_bodies_say() -> None:
    fill(Wish(400, 20, 1, END))

    for row in Exchange.objects.all():
        kept = ExchangeBody.objects.get(id=row.id)
        headers = headers_of([kept])[row.id]
        request, response = body_of(row.id, "request"), body_of(row.id, "response")
        asked = read_request(row.path, request)
        content = read_response(row.status, dict(headers.response)["content-type"], response)
        assert (row.request_bytes, row.response_bytes) == (len(request), len(response))
        assert (row.request_type, row.model) == (asked.request_type, asked.model)
        assert (row.output_tokens, row.tool_calls) == (
            content.usage and content.usage.output_tokens,
            len(content.tools),
        )
        assert dict(headers.request).get("x-claude-code-session-id", "") == row.session_id
        assert sum(size for _, size in decode_chunks(bytes(kept.chunks))) == len(response)


def test_requests_of_a_session_build_on_each_other_within_their_month() -> None:
    fill()

    parents = dict(ExchangeBody.objects.exclude(parent=None).values_list("id", "parent"))
    children = {row.id: row for row in Exchange.objects.filter(id__in=parents)}
    found = Exchange.objects.in_bulk(list(parents.values()))
    assert len(parents) > 500
    for child, parent in parents.items():
        assert found[parent].session_id == children[child].session_id
        assert found[parent].month == children[child].month


def test_the_mix_is_that_of_real_traffic() -> None:
    fill(Wish(6000, 20, 1, END))

    def kinds(name: str) -> set[str]:
        return set(Exchange.objects.values_list(name, flat=True))

    assert {COMPLETE, UPSTREAM_ERROR, CLIENT_LEFT, REFUSED} <= kinds("outcome")
    assert {"inference", "query_evaluation", "count_tokens", "models", "quota"} <= kinds("request_type")
    assert {"exact", "partial", "none"} <= kinds("cost_state")
    assert len(kinds("domain")) > 25
    assert len(kinds("model")) >= 4
    assert len(kinds("account")) == 4
    assert len(kinds("session_id")) > 100
    assert len(kinds("agent_id")) > 10
    busiest, *_, idlest = DomainTotal.objects.order_by("-requests").values_list("requests", flat=True)
    assert busiest > 10 * idlest


def test_each_exchange_costs_what_its_price_says_at_its_time() -> None:
    fill()

    prices = book()
    priced = Exchange.objects.filter(cost_usd__gt=0)
    found = {(row.answered_model or row.model, row.started_at, row.price_id) for row in priced}
    assert len({price_id for _, _, price_id in found}) > 2
    for model, moment, price_id in found:
        price = prices.find(model, moment)
        assert price is not None
        assert str(price_id) == price.id


def test_answers_are_served_and_end_in_each_of_the_ways_that_matter() -> None:
    draw = random.Random(1)
    records = [turn.record for _ in range(240) for turn in conversation(draw).turns]
    responses = [read_response(200, "", record.response_body) for record in records]

    reported = [content.usage.raw for content in responses if content.usage]
    kinds = {step.type for content in responses if content.usage for step in content.usage.iterations}
    assert kinds == {"message", "compaction", "fallback_message"}
    assert {usage["speed"] for usage in reported} == {"standard", "fast"}
    assert {usage["inference_geo"] for usage in reported} == {"global", "us"}
    assert {usage["service_tier"] for usage in reported} == {"standard", "priority"}
    assert "refusal" in {content.stop_reason for content in responses}
    long = [content for content in responses if content.usage and content.usage.cache_read_tokens > 100_000]
    assert "claude-haiku-5-5" in {content.model for content in long}


def test_an_agents_tools_are_those_of_today_and_its_helpers_report_later() -> None:
    draw = random.Random(1)
    sessions = [list(agent(draw)) for _ in range(20)]

    last = max((turns[-1].record for turns in sessions), key=lambda record: len(record.request_body))
    body = json.loads(last.request_body)
    assert len(body["system"]) == 3
    assert "Agent" in {tool["name"] for tool in body["tools"]}
    assert {message["role"] for message in body["messages"]} == {"system", "user", "assistant"}
    assert last.request_body.index(b"agentId: ") < last.request_body.index(b"<task-notification>")


def test_the_same_seed_and_end_make_the_same_traffic() -> None:
    def made() -> list[tuple[Any, ...]]:
        found = list(
            Exchange.objects.order_by("id").values_list("id", "domain", "serial", "cost_usd", "session_id")
        )
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(TABLES)}, proxy_spool")
        return found

    fill(Wish(300, 20, 5, END))
    first = made()
    fill(Wish(300, 20, 5, END))

    assert first == made()


def test_without_bodies_none_is_stored_and_the_sums_are_the_same() -> None:
    fill(Wish(300, 20, 1, END, bodies=False))

    assert (ExchangeBody.objects.count(), Blob.objects.count()) == (0, 0)
    assert sum(Rollup.objects.values_list("requests", flat=True)) == Exchange.objects.count() == 300


def test_the_same_seed_is_not_sown_twice() -> None:
    fill(Wish(50, 20, 1, END))

    with pytest.raises(SeedError, match="choose another seed"):
        fill(Wish(50, 20, 1, END))


def test_the_command_refuses_a_database_with_traffic_and_says_what_to_do() -> None:
    people.make_exchange()

    with pytest.raises(CommandError, match="a database of its own"):
        call_command("seed_traffic", "--exchanges", "10")

    assert Exchange.objects.count() == 1


def test_no_table_of_the_seeding_stays_behind() -> None:
    fill(Wish(50, 20, 1, END))

    assert not [name for name in connection.introspection.table_names() if name.startswith("seed_")]
