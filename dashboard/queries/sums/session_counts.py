"""How many sessions and sub-agents ran in a period, and how many run now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.filters.filter import Filter
from dashboard.queries import conversations, narrowed
from dashboard.queries.sums import conversation_hours
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.spans import Span
from dashboard.queries.sums.usage import HOURLY_UP_TO
from proxy.store.models import Conversation


@dataclass(frozen=True, slots=True)
class Sessions:
    """`dearest` are the first few by cost, by the conversation's id; `active` had a turn within two minutes.

    `agents` is None of a period that charts show by days: there are too many of them to be counted for each look.
    """

    count: int
    active: int
    agents: int | None
    dearest: dict[str, Figures]


def sessions(span: Span, chosen: Filter, now: datetime, most: int) -> Sessions | None:
    """None where the filter asks for more than hours of conversations know."""
    if chosen.given().keys() - set(conversation_hours.SERVED):
        return None
    is_short = span.end(now) - span.since <= HOURLY_UP_TO
    if is_short or chosen.agent:
        dearest, count = conversation_hours.top(("conversation",), span, chosen, "cost_usd", most)
    else:
        dearest = conversation_hours.dearest(span, chosen, most)
        count = conversation_hours.count(span, chosen)
    since = now - timedelta(seconds=conversations.ACTIVE_SECONDS)
    ran = narrowed.rows(Conversation).filter(conversations.of_domain(chosen), last_at__gte=since)
    agents = conversation_hours.agents(span, chosen) if is_short else None
    return Sessions(count, ran.count(), agents, dearest)
