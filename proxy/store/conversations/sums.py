"""Add turns to the row of their conversation: sums, least and greatest, so that any order gives the same."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from proxy.metrics import COUNTED
from proxy.store.bodies import data_keys
from proxy.store.bodies.encryption import is_sealed
from proxy.store.conversations.turns import NewTurn, known_ids
from proxy.store.models import Conversation, Exchange, month_of

MOST_MODELS = 50
MOST_AGENTS = 500
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_STATES = ("unpriced", "partial", "notional")
SUMS = ("turns", "failed", *_TOKENS, "cost_usd", *_STATES)
OF_FIRST = ("title", "person", "client_key")
OF_LAST = ("last_model", "last_context")
_SETS = {"model_names": ("more_models", MOST_MODELS), "agents": ("more_agents", MOST_AGENTS)}
_failed = COUNTED["errors"].of

Row = dict[str, Any]


def add(new: Iterable[tuple[Exchange, NewTurn]]) -> None:
    """Add turns that were never added. Whoever adds to rollups as well does it after this."""
    by_conversation: defaultdict[UUID, list[tuple[Exchange, NewTurn]]] = defaultdict(list)
    for exchange, turn in new:
        by_conversation[turn.turn.conversation].append((exchange, turn))
    if by_conversation:
        rows = [_row(id_, turns) for id_, turns in sorted(by_conversation.items())]
        _upsert(rows)


def replace(old: Sequence[Exchange], new: Sequence[Exchange]) -> None:
    """Count what exchanges cost now in place of what they did."""
    conversations = known_ids([exchange.id for exchange in new])
    changes: defaultdict[UUID, list[Any]] = defaultdict(lambda: [0] * (1 + len(_STATES)))
    for sign, rows in ((-1, old), (1, new)):
        for row in rows:
            if id_ := conversations.get(row.id):
                for place, value in enumerate(_cost(row)):
                    changes[id_][place] += sign * value
    names = ("cost_usd", *_STATES)
    sets = ", ".join(f"{name} = row.{name} + %s" for name in names)
    with connection.cursor() as cursor:
        for id_, values in sorted(changes.items()):
            if any(values):
                cursor.execute(f"UPDATE proxy_conversation AS row SET {sets} WHERE id = %s", [*values, id_])  # noqa: S608


def title_of(row: Conversation) -> str:
    """The title of a conversation, "" where it has none any more. KeyUnavailable without the key of its month."""
    data = bytes(row.title)
    if is_sealed(data):
        data = data_keys.needed_seal(_month(row.first_id)).open(data, _label(row.id))
    return data.decode("utf-8", "replace")


def sealed_title(title: str, conversation: UUID, first: UUID) -> bytes:
    """A title as its row keeps it. It begins with no control character, as what is sealed does."""
    text = title.lstrip("".join(map(chr, range(32))))
    return data_keys.seal_of(_month(first)).close(text.encode(), _label(conversation)) if text else b""


def _month(exchange: UUID) -> date:
    return month_of(exchange).date()


def _label(conversation: UUID) -> bytes:
    return b"title " + conversation.bytes


def _cost(row: Exchange) -> list[Any]:
    return [row.cost_usd or 0, *(int(row.cost_state == state) for state in _STATES)]


def _row(id_: UUID, turns: Sequence[tuple[Exchange, NewTurn]]) -> Row:
    exchanges = sorted((exchange for exchange, _ in turns), key=lambda exchange: exchange.id)
    first, last = exchanges[0], exchanges[-1]
    [title] = [turn.title for exchange, turn in turns if exchange is first]
    counts = last.counts
    names = sorted({exchange.model for exchange in exchanges} - {""})
    agents = sorted({exchange.agent_id for exchange in exchanges} - {""})
    costs = zip(*map(_cost, exchanges), strict=True)
    return {
        "id": id_,
        "domain": first.domain,
        "session_id": first.session_id,
        "first_id": first.id,
        "last_id": last.id,
        "first_at": min(exchange.started_at for exchange in exchanges),
        "last_at": max(exchange.started_at for exchange in exchanges),
        "turns": len(exchanges),
        "failed": sum(map(_failed, exchanges)),
        **{name: sum(getattr(exchange, name) or 0 for exchange in exchanges) for name in _TOKENS},
        **dict(zip(("cost_usd", *_STATES), map(sum, costs), strict=True)),
        "title": sealed_title(title, id_, first.id),
        "person": first.user_id,
        "client_key": first.client_key,
        "last_model": last.model,
        "last_context": counts.prompt,
        "model_names": names[:MOST_MODELS],
        "more_models": len(names) > MOST_MODELS,
        "agents": agents[:MOST_AGENTS],
        "more_agents": len(agents) > MOST_AGENTS,
    }


def _upsert(rows: Sequence[Row]) -> None:
    """One statement; the rows are sorted, or two batches with the same ones would wait for each other."""
    names = list(rows[0])
    one_row = f"({', '.join(['%s'] * len(names))})"
    statement = (
        f"INSERT INTO proxy_conversation AS row ({', '.join(names)}) VALUES {', '.join([one_row] * len(rows))}"  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {_CHANGES}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in rows for value in row.values()])


def _changes() -> Mapping[str, str]:
    """How each column takes in what is added."""
    changes = {name: f"row.{name} + excluded.{name}" for name in SUMS}
    for name in ("first_id", "first_at"):
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
