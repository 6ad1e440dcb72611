"""Sums of a period by session or by agent, from the hours of conversations.

There are too many of them to hand all out: the database ranks them. Their rows go with the exchanges of their month.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import CharField, Count, F, Func, Q, QuerySet, Sum, Window
from django.db.models.functions import Abs

from dashboard.filters.filter import Filter
from dashboard.queries import narrowed
from dashboard.queries.filtering import domain_is
from dashboard.queries.sums.figures import AGGREGATES, Figures, of_row
from dashboard.queries.sums.spans import EARLIEST, Span
from proxy.metrics import DERIVED
from proxy.store.models import Conversation, ConversationHour, DroppedMonth, id_floor
from proxy.store.postgres.partitions import next_month

# What a row is of, by the name of the dimension.
COLUMNS = {"session": ("conversation",), "agent": ("conversation", "agent")}
SERVED = ("period", "from", "to", "zone", "domain", *COLUMNS)
Columns = tuple[str, ...]
# Of conversations at once, and in all, where the dearest of a long span are looked for.
CANDIDATES, MOST_CANDIDATES = 200, 4_000
# Sessions of a month are grouped in memory rather than on disk.
_WORK_MEM = "SET LOCAL work_mem = '128MB'"


def total(span: Span, chosen: Filter) -> Figures:
    """All of them together."""
    return Figures(**_rows(chosen, _within(span)).aggregate(**AGGREGATES))


def top(
    columns: Columns, span: Span, chosen: Filter, metric: str, most: int
) -> tuple[dict[str, Figures], int]:
    """Those with most of a metric, in this order, and how many there are in all."""
    rows = _rows(chosen, _within(span)).order_by().values(*columns)
    # By this metric alone: to sum up the others of all that are not among the first takes twice as long.
    ranked = rows.annotate(rank=_summed(metric), groups=Window(Count("*"))).order_by("-rank", *columns)
    with _in_memory():
        first = list(ranked[:most])
    keys = [*map(_key, first)]
    found = of_keys(columns, span, chosen, keys)
    return {key: found[key] for key in keys if key in found}, first[0]["groups"] if first else 0


def dearest(span: Span, chosen: Filter, most: int) -> dict[str, Figures]:
    """The conversations with most cost in a long span, in this order.

    None costs more within a span than in all, so they are looked at in the order of their whole cost, by its index, until what is
    left cannot be among the first (the threshold algorithm of Fagin, Lotem and Naor, 2003). To rank all takes seconds at 100,000.
    """
    found: dict[str, Figures] = {}
    for first in range(0, MOST_CANDIDATES, CANDIDATES):
        candidates = list(_overlapping(span, chosen).order_by("-cost_usd", "-id")[first : first + CANDIDATES])
        found |= of_keys(COLUMNS["session"], span, chosen, [str(row.id) for row in candidates])
        found = dict(sorted(found.items(), key=lambda item: (-item[1].cost_usd, item[0]))[:most])
        lowest = min((figures.cost_usd for figures in found.values()), default=None)
        is_full = len(found) == most and lowest is not None and lowest >= candidates[-1].cost_usd
        if len(candidates) < CANDIDATES or is_full:
            break
    return found


def count(span: Span, chosen: Filter) -> int:
    """How many conversations began before the end of a long span, and ended after its beginning."""
    return _overlapping(span, chosen).count()


def _overlapping(span: Span, chosen: Filter) -> QuerySet[Conversation]:
    rows = narrowed.rows(Conversation).filter(last_at__gte=span.since)
    if span.until:
        rows = rows.filter(first_at__lt=span.until)
    if chosen.domain:
        rows = rows.filter(domain_is(chosen.domain))
    return rows.filter(id__in=_of_session(chosen.session)) if chosen.session else rows


def agents(span: Span, chosen: Filter) -> int:
    """How many sub-agents ran."""
    rows = _rows(chosen, _within(span)).exclude(agent="").order_by()
    return rows.values("conversation", "agent").distinct().count()


def of_keys(columns: Columns, span: Span, chosen: Filter, keys: Iterable[str]) -> dict[str, Figures]:
    """Those of these keys that ran in a span."""
    wanted = set(keys)
    rows = _rows(chosen, _within(span)).filter(conversation__in=_conversations(wanted))
    return {key: of_row(row) for row in _grouped(columns, rows) if (key := _key(row)) in wanted}


def differing(
    columns: Columns, spans: tuple[Span, Span], chosen: Filter, metric: str, most: int
) -> dict[str, tuple[Any, Any]]:
    """The metric in two spans, of those where it differs most."""
    before, now = map(_within, spans)
    within = (
        _within(replace(spans[0], until=spans[1].until)) if spans[0].until == spans[1].since else before | now
    )
    rows = _rows(chosen, within).order_by().values(*columns)
    rows = rows.annotate(before=Sum(metric, filter=before, default=0), now=Sum(metric, filter=now, default=0))
    rows = rows.exclude(before=F("now")).order_by(Abs(F("now") - F("before")).desc(), *columns)
    with _in_memory():
        return {_key(row): (row["before"], row["now"]) for row in rows[:most]}


def by_hour(
    columns: Columns, span: Span, chosen: Filter, keys: Iterable[str], charted: Mapping[str, Sum]
) -> tuple[dict[str, dict[datetime, Figures]], dict[datetime, Figures]]:
    """The hours of these keys, and those of all together."""
    wanted = set(keys)
    rows = _rows(chosen, _within(span)).order_by().annotate(prefix=_HourOf("id"))
    found: dict[str, dict[datetime, Figures]] = defaultdict(dict)
    for row in (
        rows.filter(conversation__in=_conversations(wanted)).values("prefix", *columns).annotate(**charted)
    ):
        if (key := _key(row)) in wanted:
            found[key][_moment(row["prefix"])] = _figures(row, charted)
    hours = rows.values("prefix").annotate(**charted)
    return found, {_moment(row["prefix"]): _figures(row, charted) for row in hours}


def labels(keys: Iterable[str]) -> dict[str, str]:
    """The session's id in place of the conversation's, where it has one."""
    wanted = set(keys)
    sessions = dict(
        narrowed.rows(Conversation)
        .filter(id__in=_conversations(wanted))
        .exclude(session_id="")
        .values_list("id", "session_id")
    )
    return {key: session + key[36:] for key in wanted if (session := sessions.get(UUID(key[:36])))}


def not_known_before(since: datetime, until: datetime | None) -> datetime | None:
    """The end of the last month of a span whose exchanges were dropped; None where none was."""
    dropped = (
        narrowed.whole(DroppedMonth)
        .exclude(metadata_dropped_at=None)
        .filter(month__gte=since.date().replace(day=1))
    )
    if until:
        dropped = dropped.filter(month__lt=until)
    last = dropped.order_by("-month").first()
    return datetime(*next_month(last.month).timetuple()[:3], tzinfo=UTC) if last else None


class _HourOf(Func):
    """The beginning of an id, which says the hour: as many digits as `_moment` reads."""

    template = "left(%(expressions)s::text, 13)"
    output_field = CharField()


def _moment(prefix: str) -> datetime:
    return datetime.fromtimestamp(int(prefix.replace("-", ""), 16) / 1000, UTC)


def _within(span: Span) -> Q:
    found = Q(id__gte=id_floor(max(span.since, EARLIEST)))
    return found & Q(id__lt=id_floor(max(span.until, EARLIEST))) if span.until else found


def _rows(chosen: Filter, within: Q) -> QuerySet[ConversationHour]:
    rows = narrowed.rows(ConversationHour).filter(within)
    if chosen.domain:
        rows = rows.filter(domain_is(chosen.domain))
    if chosen.session:
        rows = rows.filter(conversation__in=_of_session(chosen.session))
    return rows.filter(agent=chosen.agent) if chosen.agent else rows


def _of_session(name: str) -> list[UUID]:
    """By the id of the session, or of the conversation, as the key of a row has it."""
    found = list(narrowed.rows(Conversation).filter(session_id=name).values_list("id", flat=True))
    try:
        return [*found, UUID(name)]
    except ValueError:
        return found


def _grouped(columns: Columns, rows: QuerySet[ConversationHour]) -> QuerySet[Any, Any]:
    grouped: QuerySet[Any, Any] = rows.order_by().values(*columns).annotate(**AGGREGATES)
    return grouped


def _summed(metric: str) -> Any:
    """What is derived of sums is derived of their expressions alike; no row is of no request."""
    if derived := DERIVED.get(metric):
        return derived.of(SimpleNamespace(**{name: Sum(name) for name in derived.parts}))
    return Sum(metric)


def _figures(row: Mapping[str, Any], names: Iterable[str]) -> Figures:
    return Figures(**{name: row[name] for name in names})


def _key(row: Mapping[str, Any]) -> str:
    return f"{row['conversation']}/{row['agent']}" if "agent" in row else str(row["conversation"])


def _conversations(keys: Iterable[str]) -> list[UUID]:
    return [UUID(key) for key in {key[:36] for key in keys}]


@contextmanager
def _in_memory() -> Iterator[None]:
    """A transaction in which groups fit into memory."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WORK_MEM)
        yield
