"""Search finds the turns that have what is asked for, newest first, and says how far back it looked."""

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from nexus_project.operations.grants import DASHBOARD
from proxy.conversations.search.query import parse
from proxy.store.models import SearchText, Turn, id_floor
from proxy.store.postgres.partitions import partitions
from proxy.store.search import candidates, find
from proxy.store.search.find import TOO_MANY, TOO_SLOW, Asked, Found, search
from tests.roles import as_owner
from tests.store.search.texts import CONVERSATION, NOON, fill, make_text

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(DASHBOARD)]

HOUR = timedelta(hours=1)
OTHER = UUID(int=2)
KEY = bytes(range(32))


def found(typed: str, seconds: float = find.SECONDS, **asked: Any) -> Found:
    return search(Asked(parse(typed), **asked), seconds)


def ids(typed: str, **asked: Any) -> list[UUID]:
    return [hit.id for hit in found(typed, **asked).hits]


def test_all_words_have_to_be_there_and_the_newest_comes_first() -> None:
    first = make_text("the rate limit was hit")
    second = make_text("limit", "a rate", at=NOON + HOUR)
    make_text("only the rate")

    assert ids("rate LIMIT") == [second, first]


def test_a_hit_tells_where_it_is() -> None:
    turn = make_text("see getUserName here", conversation=OTHER, domain="b.example")
    [hit] = found("user").hits

    assert (hit.id, hit.conversation, hit.domain) == (turn, OTHER, "b.example")
    assert (hit.snippet.where, hit.snippet.text, hit.snippet.marks) == (
        "prompt",
        "see getUserName here",
        ((4, 15),),
    )


def test_a_phrase_is_found_only_in_its_order() -> None:
    turn = make_text("file not found")
    make_text("found, not a file")

    assert ids('"not found"') == [turn]


def test_words_that_share_a_number_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.conversations.search.hashing.Hasher._hash", lambda self, term: len(term))
    turn = make_text("zalphz")  # words of this test alone: numbers are remembered
    make_text("zgammz")

    assert ids("zalphz") == [turn]


def test_domains_periods_and_conversations_narrow_it() -> None:
    early = make_text("word", at=NOON - HOUR)
    other = make_text("word", domain="b.example", conversation=OTHER)
    late = make_text("word", at=NOON + HOUR)
    with as_owner():
        for turn, conversation in ((early, CONVERSATION), (other, OTHER), (late, CONVERSATION)):
            Turn.objects.create(
                id=turn,
                conversation=conversation,
                depth=1,
                tools=0,
                own=b"",
                first=b"",
                new_words=False,
                gives_title=False,
            )

    assert ids("word", domains=["b.example"]) == [other]
    assert ids("word", domains=["a.example", "b.example"]) == [late, other, early]
    assert ids("word", domains=[]) == []
    assert ids("word", since=NOON + HOUR / 2) == [late]
    assert ids("word", until=NOON - HOUR / 2) == [early]
    assert ids("word", conversation=OTHER) == [other]
    assert ids("word", conversation=OTHER, domains=["a.example"]) == []


def test_pages_follow_each_other_without_a_gap_over_months() -> None:
    turns = [make_text("word", at=NOON - day * timedelta(days=5)) for day in range(7)]
    first = found("word", size=3)
    second = found("word", size=3, before=first.next_before)
    third = found("word", size=3, before=second.next_before)

    assert [hit.id for page in (first, second, third) for hit in page.hits] == turns
    assert [page.next_before for page in (first, second, third)] == [turns[2], turns[5], None]
    assert first.searched_back_to == NOON - timedelta(days=10)
    oldest = min(partition.month for partition in partitions() if partition.table == "proxy_text")
    assert third.searched_back_to == datetime.combine(oldest, time(), UTC)


def test_a_rare_word_is_found_behind_the_newest_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "NEWEST", 5)
    rare = make_text("needle", at=NOON - HOUR)
    fill(20)
    newest = make_text("needle", at=NOON + HOUR)

    assert ids("needle") == [newest, rare]
    assert ids("needle", domains=["a.example"]) == [newest, rare]
    assert ids("needle", domains=["a.example", "b.example"]) == [newest, rare]
    assert ids("needle", size=1, before=newest) == [rare]


def test_only_what_is_older_is_asked_of_the_index_of_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "NEWEST", 5)
    fill(20)
    with CaptureQueriesContext(connection) as queries:
        found("absent")
        found("filler", size=2)

    assert sum("MATERIALIZED" in query["sql"] for query in queries.captured_queries) == 1


def test_the_search_of_everything_says_so() -> None:
    make_text("word")
    nothing = found("absent")

    assert nothing.hits == []
    assert nothing.next_before is None
    assert nothing.why_incomplete == ""
    assert nothing.searched_back_to is not None
    assert nothing.searched_back_to <= datetime(2026, 11, 1, tzinfo=UTC)


def test_a_search_without_time_says_that_it_is_incomplete() -> None:
    make_text("word")
    stopped = found("word", seconds=0)

    assert (stopped.hits, stopped.why_incomplete, stopped.down_to) == ([], TOO_SLOW, None)
    assert stopped.next_before is not None


def test_a_statement_that_takes_too_long_ends_the_search_and_keeps_what_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "NEWEST", 1)
    make_text("older word", at=NOON - HOUR)
    newest = make_text("word")
    monkeypatch.setattr(
        candidates,
        "_ASK_INDEX",
        "SELECT id FROM proxy_text, pg_sleep(30) WHERE {where} AND ({terms}) LIMIT %s",
    )
    stopped = found("word", seconds=0.5)

    assert [hit.id for hit in stopped.hits] == [newest]
    assert stopped.why_incomplete == TOO_SLOW
    assert stopped.next_before == stopped.down_to == newest


def test_texts_that_take_too_long_to_read_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "_GROUP", 1)
    newest = make_text("word")
    make_text("word", at=NOON - HOUR)
    now = iter([0.0, 0.0, 10.0])
    monkeypatch.setattr(find, "time", SimpleNamespace(monotonic=lambda: next(now)))
    stopped = found("word", seconds=5)

    assert [hit.id for hit in stopped.hits] == [newest]
    assert (stopped.why_incomplete, stopped.next_before) == (TOO_SLOW, newest)


def test_a_database_that_is_away_is_no_end_of_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError

    make_text("word")
    monkeypatch.setattr(candidates, "newest", gone)

    with pytest.raises(OperationalError):
        found("word")


def test_phrases_are_looked_for_in_so_many_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "MOST_READ", 3)
    make_text("in order", at=NOON - HOUR)
    fill(5, "order in")
    first = found('"in order"')

    assert (first.hits, first.why_incomplete) == ([], TOO_MANY)
    assert first.next_before == first.down_to
    assert len(ids('"in order"', before=first.next_before)) == 1


def test_sealed_texts_are_found_and_their_numbers_say_nothing(settings: Settings) -> None:
    plain = make_text("secretive word")
    settings.BODY_ENCRYPTION, settings.BODY_ENCRYPTION_KEYS = True, [KEY]
    sealed = make_text("secretive word", at=NOON + HOUR)

    assert ids("secretive") == [sealed, plain]
    with as_owner():
        rows = {row.id: row for row in SearchText.objects.all()}
    assert not set(rows[sealed].terms) & set(rows[plain].terms)
    assert b"secretive" in bytes(rows[plain].text)
    assert b"secretive" not in bytes(rows[sealed].text)


def test_a_month_without_its_master_key_is_named_and_the_others_are_searched(
    settings: Settings,
) -> None:
    settings.BODY_ENCRYPTION, settings.BODY_ENCRYPTION_KEYS = True, [KEY]
    make_text("word")
    settings.BODY_ENCRYPTION, settings.BODY_ENCRYPTION_KEYS = False, []
    older = make_text("word", at=datetime(2026, 10, 5, tzinfo=UTC))
    partly = found("word")

    assert [hit.id for hit in partly.hits] == [older]
    assert len(partly.unreadable) == 1
    assert "2026-11" in partly.unreadable[0]


def test_a_damaged_row_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    turn = make_text("word")
    whole = make_text("word", at=NOON - HOUR)
    with as_owner():
        SearchText.objects.filter(id=turn).update(text=b"(damaged")

    assert ids("word") == [whole]
    assert "search.damaged" in caplog.text


def test_ids_of_any_moment_can_be_gone_on_from() -> None:
    turn = make_text("word")

    assert ids("word", before=id_floor(NOON + HOUR)) == [turn]
    assert ids("word", before=UUID(int=0)) == []
