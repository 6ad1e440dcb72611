"""What fills the context of a turn and of turns along a line, and how few requests are read for it."""

from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries

from dashboard.queries import conversations, exchanges, makeup
from dashboard.queries.makeup import Filled
from proxy.conversations.findings.context_makeup import Certainty, Content
from proxy.store.models import Exchange, ExchangeBody
from tests.conversations.clients import Sent
from tests.dashboard.large import large_session
from tests.dashboard.talk import session, stored
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


def rows(sent: list[Sent], agent: str = "") -> list[Exchange]:
    """Those of one agent, as they are stored."""
    stored(sent)
    found = Exchange.objects.in_bulk([each.id for each in sent if each.agent == agent])
    return [found[id_] for id_ in sorted(found)]


def filled(id_: UUID) -> Filled | None:
    row = exchanges.find(id_)
    assert row
    return makeup.of_turn(row, exchanges.body(id_, "request").data or b"", conversations.of_exchange(id_))


def test_a_turn_is_split_and_has_its_exact_difference_from_the_turn_before() -> None:
    sent = large_session(6)
    main = rows(sent)
    found = filled(main[1].id)

    assert found
    assert found.parent
    assert found.added
    assert found.parent.id == main[0].id
    assert found.added.total_tokens == main[1].counts.prompt - main[0].counts.prompt
    assert found.makeup.certainty is Certainty.ESTIMATE
    assert found.makeup.total_tokens == main[1].counts.prompt
    assert sum(share.tokens or 0 for share in found.makeup.shares) == found.makeup.total_tokens
    assert {share.what.server for share in found.makeup.shares} == {"", "github", "wiki"}
    assert found.why == ""


def test_a_difference_is_split_only_where_it_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    main = rows(large_session(6))
    monkeypatch.setattr(makeup, "LEAST_ADDED", 1)
    split = filled(main[1].id)
    monkeypatch.setattr(makeup, "LEAST_ADDED", 1_000_000)
    whole = filled(main[1].id)

    assert split
    assert split.added
    assert whole
    assert whole.added
    assert split.added.tokens_of(Content.TOOL_RESULTS) > 0
    assert (whole.added.shares, whole.added.total_tokens) == ((), split.added.total_tokens)


def test_after_a_compaction_it_has_less_and_a_first_turn_has_no_difference() -> None:
    sent = large_session(8)
    rows(sent)
    summary = next(each for each in sent if each.kind == "compaction")
    after, first = filled(sent[summary.place + 1].id), filled(sent[0].id)
    of_agent = filled(next(each.id for each in sent if each.agent))

    assert after
    assert after.added
    assert after.added.total_tokens < 0
    assert after.added.shares == ()
    for begin in (first, of_agent):
        assert begin
        assert begin.added is None


def test_nothing_is_said_of_small_requests_and_of_what_cannot_be_read() -> None:
    small = session()
    stored(small)
    assert filled(small[0].id) is None

    row = rows(large_session(6))[2]
    found = makeup.of_turn(row, b"", conversations.of_exchange(row.id))
    assert found
    assert found.makeup.certainty is Certainty.NONE
    assert "cannot be read" in found.why
    assert makeup.of_turn(row, b"{}", None) is None


def test_of_a_long_line_the_fullest_turn_of_each_stretch_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    main = rows(large_session(20))
    fullest = max(main, key=lambda row: row.counts.prompt)
    monkeypatch.setattr(makeup, "MOST_TURNS", 5)
    with django_assert_max_num_queries(10):
        found = makeup.along(main)

    assert len(found) == 5
    assert fullest.id in {turn.id for turn, _ in found}
    assert [turn.id for turn, _ in found] == sorted(turn.id for turn, _ in found)
    for turn, each in found:
        assert each.total_tokens == turn.counts.prompt


def test_large_requests_make_fewer_samples_and_small_ones_none(monkeypatch: pytest.MonkeyPatch) -> None:
    main = rows(large_session(20))
    assert len(makeup.sampled(main)) == len(main)

    monkeypatch.setattr(makeup, "MOST_BYTES", sum(row.request_bytes for row in main) // 2 + 1)
    assert len(makeup.sampled(main)) == len(main) // 2
    monkeypatch.setattr(makeup, "MOST_BYTES", 1)
    assert len(makeup.sampled(main)) == makeup.LEAST_TURNS

    monkeypatch.setattr(makeup, "LEAST_TOKENS", 10**9)
    assert makeup.along(main) == []


def test_a_request_that_is_gone_leaves_its_place_out() -> None:
    main = rows(large_session(6))
    with as_owner():
        ExchangeBody.objects.filter(id=main[-1].id).delete()

    assert [turn.id for turn, _ in makeup.along(main)] == [row.id for row in main[:-1]]
