"""The dearest sessions of a long period are found without ranking all: they are those that ranking all finds."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboard import reading
from dashboard.filters.filter import Filter
from dashboard.queries import narrowed
from dashboard.queries.sums import conversation_hours
from dashboard.queries.sums.spans import Span
from proxy.store.models import Conversation
from proxy.store.pricing import upgrade
from proxy.store.seeding import seed
from proxy.store.seeding.seed import Wish
from tests.roles import OWNER, as_owner

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

END = datetime(2026, 10, 12, 13, 0, tzinfo=UTC)
SPANS = [
    Span(
        END - timedelta(hours=first),
        None if last is None else END - timedelta(hours=last),
        ZoneInfo("UTC"),
        "a span",
    )
    for first, last in ((480, -1), (288, 72), (120, None), (30, 20))
]


@pytest.fixture(autouse=True)
def traffic() -> None:
    with as_owner():
        upgrade.run()
    seed.seed(Wish(1500, 20, 1, END), lambda *step: None, jobs=1)


@pytest.mark.parametrize("candidates", [3, 200])
def test_they_are_those_that_ranking_all_finds(candidates: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_hours, "CANDIDATES", candidates)
    with reading.reads(reading.EVERYTHING):
        domain = next(iter(narrowed.rows(Conversation))).domain
        for span in SPANS:
            for chosen in (Filter(), Filter(domain=domain)):
                ranked, _ = conversation_hours.top(("conversation",), span, chosen, "cost_usd", 5)
                found = conversation_hours.dearest(span, chosen, 5)
                assert ranked or chosen.domain

                assert [figures.cost_usd for figures in found.values()] == [
                    figures.cost_usd for figures in ranked.values()
                ]
                assert {key: ranked[key] for key in found if key in ranked} == {
                    key: found[key] for key in found if key in ranked
                }
