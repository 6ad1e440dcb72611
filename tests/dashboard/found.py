"""Cache breaks and findings as the worker leaves them."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from proxy.store.models import CacheBreak, Exchange, Finding
from tests import people
from tests.roles import as_owner

CONVERSATION = UUID(int=5)


@as_owner()
def make_break(exchange: Exchange | None = None, **fields: Any) -> CacheBreak:
    """A break of an exchange, by default of a new one."""
    row = exchange or people.make_exchange()
    defaults = {
        "id": row.id,
        "conversation": CONVERSATION,
        "domain": row.domain,
        "parent": people.make_id(),
        "lost_tokens": 20_000,
        "avoidable_usd": Decimal("0.069"),
        "cause": "tool changed",
        "at": "tool Bash",
        "by_api": False,
    }
    return CacheBreak.objects.create(**defaults | fields)


@as_owner()
def make_finding(exchange: Exchange | None = None, **fields: Any) -> Finding:
    """A finding whose last turn is an exchange, by default a new one."""
    row = exchange or people.make_exchange()
    defaults = {
        "id": row.id,
        "place": 0,
        "kind": "repeated call",
        "conversation": CONVERSATION,
        "domain": row.domain,
        "turns": [row.id],
        "sentence": "Read was called 3 times with the same input.",
    }
    return Finding.objects.create(**defaults | fields)
