"""What ingest and imports store for search, and what is left out."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from proxy.conversations.keys import conversation_id
from proxy.conversations.search.query import parse
from proxy.store.bodies.traffic import Whole, traffic_of
from proxy.store.conversations import turns
from proxy.store.ingest import batch, facts, history
from proxy.store.models import SearchText
from proxy.store.pricing.book import CachedBook
from proxy.store.search.find import Asked, search
from tests import people
from tests.roles import as_owner
from tests.store.records import (
    NOON,
    SSE,
    ask,
    make_batch,
    make_closing,
    make_head,
    make_record,
    say,
    start,
    stream,
)

pytestmark = pytest.mark.django_db

SESSION = ("x-claude-code-session-id", "s-1")


def found(typed: str) -> list[str]:
    return [hit.snippet.text for hit in search(Asked(parse(typed))).hits]


def rows() -> list[SearchText]:
    return list(SearchText.objects.order_by("id"))


def rebuild(*options: str) -> Any:
    written = StringIO()
    with as_owner():
        call_command("rebuild_search", "--json", *options, stdout=written)
    return json.loads(written.getvalue())


def test_a_turn_is_found_by_what_was_asked_and_what_was_said(prices: None) -> None:
    batch.ingest(make_batch(make_record(ask("find the needle"), say("a haystack"))))

    assert found("needle") == ["find the needle"]
    assert found("haystack needle") == ["find the needle"]
    assert found("haystack") == ["a haystack"]


def test_a_streamed_response_is_found(prices: None) -> None:
    events = stream(
        start(input_tokens=1),
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "streamed words"},
        },
        {"type": "message_stop"},
    )
    batch.ingest(make_batch(make_record(ask(), events, closing=make_closing(headers=SSE))))

    assert found("streamed") == ["streamed words"]


def test_a_turn_belongs_to_its_session_or_to_its_thread_of_messages(prices: None) -> None:
    first, second = (
        ask("first"),
        [
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "answered"},
            {"role": "user", "content": "second"},
        ],
    )
    batch.ingest(
        make_batch(
            make_record(ask(), say(), head=make_head(headers=[SESSION])),
            make_record(first, say("answered")),
            make_record(ask(messages=second), say("more")),
        )
    )
    conversations = [row.conversation for row in rows()]

    assert conversation_id("a.example", "s-1", b"") in conversations
    assert len(set(conversations)) == 2


def test_other_addresses_empty_turns_and_broken_bodies_have_no_row(prices: None) -> None:
    batch.ingest(
        make_batch(
            make_record(ask("count"), b"{}", head=make_head(target="/v1/messages/count_tokens")),
            make_record(ask(""), b""),
            make_record(b"{not json", b""),
            make_record(b"", b""),
        )
    )

    assert rows() == []


@pytest.mark.parametrize("name", ["SEARCH_ENABLED", "STORAGE_ENABLED"])
def test_nothing_is_stored_while_it_is_off(prices: None, settings: Settings, name: str) -> None:
    setattr(settings, name, False)
    batch.ingest(make_batch(make_record(ask("needle"), say())))

    assert rows() == []


def test_a_turn_that_breaks_the_reader_is_stored_all_the_same(
    prices: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(turns, "new_text", broken)

    assert batch.ingest(make_batch(make_record(ask(), say()))) == 1
    assert rows() == []
    assert "search.unread" in caplog.text


def test_an_import_is_found_as_what_was_ingested(prices: None) -> None:
    record = make_record(ask("needle"), say("haystack"))
    whole = Whole(facts.read(record, UUID(int=1), CachedBook().get()).exchange, traffic_of(record))
    history.store([whole], lambda *_: None)

    assert found("needle haystack") == ["needle"]


def test_a_rebuild_gives_what_ingest_gave(prices: None) -> None:
    batch.ingest(
        make_batch(
            make_record(ask("needle"), say("haystack")),
            make_record(ask("other"), say(), head=make_head(headers=[SESSION])),
        )
    )
    before = [(row.id, row.domain, row.conversation, row.terms, bytes(row.text)) for row in rows()]
    with as_owner():
        SearchText.objects.all().delete()

    dry = rebuild()
    assert [month["turns"] for month in dry["months"] if month["turns"]] == [2]
    assert rows() == []
    assert [month["made"] for month in rebuild("--apply")["months"] if month["made"]] == [2]
    assert [(row.id, row.domain, row.conversation, row.terms, bytes(row.text)) for row in rows()] == before
    assert not any(month["turns"] for month in rebuild()["months"])


def test_a_rebuild_makes_rows_anew_only_when_asked(prices: None) -> None:
    batch.ingest(make_batch(make_record(ask("needle"), say())))
    with as_owner():
        SearchText.objects.update(text=b"damaged")
    rebuild("--apply")
    assert found("needle") == []

    rebuild("--apply", "--again", "--month=2026-10")
    assert found("needle") == []
    rebuild("--apply", "--again", "--month=2026-11")
    assert found("needle") == ["needle"]


def test_a_rebuild_while_search_is_off_says_so(settings: Settings) -> None:
    settings.SEARCH_ENABLED = False

    with pytest.raises(CommandError, match="Search is off"):
        rebuild("--apply")


def test_a_month_is_written_as_one() -> None:
    with pytest.raises(CommandError, match="write 2026-11"):
        rebuild("--month=November")


def test_people_read_what_a_rebuild_did(prices: None, capsys: pytest.CaptureFixture[str]) -> None:
    people.make_exchange(at=NOON - timedelta(days=1))
    with as_owner():
        call_command("rebuild_search")
        call_command("rebuild_search", "--apply")
        call_command("rebuild_search", "--again")
    written = capsys.readouterr().out

    assert "2026-11: 1 turns without a row, nothing changed (--apply makes their rows)" in written
    assert "2026-11: 1 turns without a row, 1 rows made" in written
    assert "2026-11: 1 turns, nothing changed" in written
