"""Add turns to the row of their conversation: sums, least and greatest, so that any order gives the same."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from proxy.metric_names import CONVERSATION_COLUMNS
from proxy.metrics import BY_NAME, Unit
from proxy.store.bodies import data_keys
from proxy.store.bodies.encryption import Seal, is_sealed
from proxy.store.conversations.turns import NewTurn, known_ids
from proxy.store.models import Conversation, Exchange, month_of
from proxy.store.sums import hours

MOST_MODELS = 50
MOST_AGENTS = 500
_MEASURES = {column: BY_NAME[name].adds for name, column in CONVERSATION_COLUMNS.items()}
# What another price changes.
_PRICED = [
    column
    for name, column in CONVERSATION_COLUMNS.items()
    if BY_NAME[name].unit is Unit.USD or BY_NAME[name].tag
]
_HOLD = "SELECT FROM proxy_conversation WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
SUMS = ("turns", *_MEASURES)
OF_FIRST = ("person", "client_key")
OF_LAST = ("last_model", "last_context")
_SETS = {"model_names": ("more_models", MOST_MODELS), "agents": ("more_agents", MOST_AGENTS)}

# The least exchange that gives one, whichever came first; least() passes over null.
_TITLE = "CASE WHEN excluded.title_id < row.title_id OR row.title_id IS NULL THEN excluded.title ELSE row.title END"

Row = dict[str, Any]


def add(new: Iterable[tuple[Exchange, NewTurn]], seal_of: Callable[[date], Seal]) -> None:
    """Add turns that were never added, titles under the seal of their month. Whoever adds to rollups as well does it after this."""
    by_conversation: defaultdict[UUID, list[tuple[Exchange, NewTurn]]] = defaultdict(list)
    for exchange, turn in new:
        by_conversation[turn.turn.conversation].append((exchange, turn))
    if by_conversation:
        rows = [_row(id_, turns, seal_of) for id_, turns in sorted(by_conversation.items())]
        _upsert(rows)
        hours.add((exchange, id_) for id_, turns in by_conversation.items() for exchange, _ in turns)


def replace(old: Sequence[Exchange], new: Sequence[Exchange]) -> None:
    """Count what exchanges cost now in place of what they did."""
    conversations = known_ids([exchange.id for exchange in new])
    changes: defaultdict[UUID, list[Any]] = defaultdict(lambda: [0] * len(_PRICED))
    for sign, rows in ((-1, old), (1, new)):
        for row in rows:
            if id_ := conversations.get(row.id):
                for place, name in enumerate(_PRICED):
                    changes[id_][place] += sign * _MEASURES[name](row)
    sets = ", ".join(f"{name} = row.{name} + %s" for name in _PRICED)
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [sorted(changes)])
        for id_, values in sorted(changes.items()):
            if any(values):
                cursor.execute(f"UPDATE proxy_conversation AS row SET {sets} WHERE id = %s", [*values, id_])  # noqa: S608
    hours.replace(old, new, conversations)


def totals(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """The sums of some turns, by the columns of a conversation."""
    return {column: sum(map(measure, exchanges)) for column, measure in _MEASURES.items()}


def title_of(row: Conversation) -> str:
    """The title of a conversation, "" where it has none any more. KeyUnavailable without the key of its month."""
    data = bytes(row.title)
    if is_sealed(data):
        data = data_keys.needed_seal(_month(row.title_id or row.first_id)).open(data, _label(row.id))
    return data.decode("utf-8", "replace")


def _sealed_title(title: str, conversation: UUID, seal: Seal) -> bytes:
    """A title as its row keeps it, under the seal of the month of `title_id`."""
    return seal.close(title.encode(), _label(conversation)) if title else b""


def give_titles(titles: Mapping[UUID, str]) -> None:
    """Write titles into conversations that are called by these exchanges and have lost the words."""
    by_id: Mapping[UUID | None, tuple[UUID, str]] = {id_: (id_, title) for id_, title in titles.items()}
    untitled = Conversation.objects.filter(title_id__in=titles, title=b"")
    for row in untitled.select_for_update().order_by("id"):
        exchange, title = by_id[row.title_id]
        row.title = _sealed_title(title, row.id, data_keys.seal_of(_month(exchange)))
        row.save(update_fields=["title"])


def _month(exchange: UUID) -> date:
    return month_of(exchange).date()


def _label(conversation: UUID) -> bytes:
    return b"title " + conversation.bytes


def _row(id_: UUID, turns: Sequence[tuple[Exchange, NewTurn]], seal_of: Callable[[date], Seal]) -> Row:
    exchanges = sorted((exchange for exchange, _ in turns), key=lambda exchange: exchange.id)
    first, last = exchanges[0], exchanges[-1]
    titles = [turn for _, turn in turns if turn.title]
    titled = min(titles, key=lambda turn: turn.turn.id, default=None)
    names = sorted({exchange.model for exchange in exchanges} - {""})
    agents = sorted({exchange.agent_id for exchange in exchanges} - {""})
    return {
        "id": id_,
        "domain": first.domain,
        "session_id": first.session_id,
        "first_id": first.id,
        "last_id": last.id,
        "first_at": min(exchange.started_at for exchange in exchanges),
        "last_at": max(exchange.started_at for exchange in exchanges),
        "turns": len(exchanges),
        **totals(exchanges),
        "title_id": titled and titled.turn.id,
        "title": f"\\x{_sealed_title(titled.title, id_, seal_of(_month(titled.turn.id))).hex()}"
        if titled
        else "",
        "person": first.user_id,
        "client_key": first.client_key,
        "last_model": last.model,
        "last_context": last.counts.prompt,
        "model_names": names[:MOST_MODELS],
        "more_models": len(names) > MOST_MODELS,
        "agents": agents[:MOST_AGENTS],
        "more_agents": len(agents) > MOST_AGENTS,
    }


def _upsert(rows: Sequence[Row]) -> None:
    """One statement; the rows are sorted, or two batches with the same ones would wait for each other.

    They travel as JSON: to write 27 parameters a row takes longer than to store it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_adding(), [msgspec.json.encode(rows).decode()])


@cache
def _adding() -> str:
    fields = Conversation._meta.concrete_fields
    names = ", ".join(field.attname for field in fields)
    typed = ", ".join(f"{field.attname} {field.db_type(connection)}" for field in fields)
    return (
        f"INSERT INTO proxy_conversation AS row ({names})"  # noqa: S608 - our names
        f" SELECT {names} FROM json_to_recordset(%s) AS new ({typed}) ON CONFLICT (id) DO UPDATE SET {_CHANGES}"
    )


def _changes() -> Mapping[str, str]:
    """How each column takes in what is added."""
    changes = {name: f"row.{name} + excluded.{name}" for name in SUMS}
    changes["title"] = _TITLE
    for name in ("first_id", "first_at", "title_id"):
        changes[name] = f"least(row.{name}, excluded.{name})"
    for name in ("last_id", "last_at"):
        changes[name] = f"greatest(row.{name}, excluded.{name})"
    for name in OF_FIRST:
        changes[name] = f"CASE WHEN excluded.first_id < row.first_id THEN excluded.{name} ELSE row.{name} END"
    for name in OF_LAST:
        changes[name] = f"CASE WHEN excluded.last_id > row.last_id THEN excluded.{name} ELSE row.{name} END"
    for name, (more, most) in _SETS.items():
        both = f"unnest(row.{name} || excluded.{name})"
        union = f'ARRAY(SELECT DISTINCT item COLLATE "C" FROM {both} AS item ORDER BY 1)'  # noqa: S608 - our names
        changes[name] = f"({union})[1:{most}]"
        changes[more] = f"row.{more} OR excluded.{more} OR cardinality({union}) > {most}"
    return changes


_CHANGES = ", ".join(f"{name} = {change}" for name, change in _changes().items())
