"""Two requests to compare: one, and a named one, else the one whose cache it did not read, else the one that it goes on from."""

from dataclasses import dataclass
from uuid import UUID

from dashboard.queries import conversations, exchanges, narrowed
from proxy.store.bodies.codings import plain
from proxy.store.models import CacheBreak, Exchange


class NoPairError(LookupError):
    """There are no two bodies to compare; the message says why, and what would do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """`before` and `after` are the bodies of `against` and of `exchange`; the break is there if `against` is what it lost."""

    exchange: Exchange
    against: Exchange
    before: bytes
    after: bytes
    cache_break: CacheBreak | None


def pair(exchange: Exchange, against: UUID | None) -> Pair:
    """Raises NoPairError."""
    broken = narrowed.rows(CacheBreak).filter(id=exchange.id).first()
    wanted = against or (broken.parent if broken else parent_of(exchange.id))
    if wanted is None:
        raise NoPairError(
            "This request goes on from no other one that is stored: name one to compare it with (against)."
        )
    other = exchanges.find(wanted)
    if other is None:
        raise NoPairError(f"There is no request {wanted} to compare with: {exchanges.why_unknown(wanted)}")
    return Pair(
        exchange,
        other,
        _request(other.id),
        _request(exchange.id),
        broken if broken and broken.parent == other.id else None,
    )


def parent_of(exchange_id: UUID) -> UUID | None:
    """The turn that a turn goes on from in the tree of its conversation."""
    found = conversations.of_exchange(exchange_id)
    places = found.tree.places if found else ()
    return next((place.parent for place in places if place.id == exchange_id), None)


def _request(exchange_id: UUID) -> bytes:
    body = exchanges.body(exchange_id, "request")
    if body.data is None:
        raise NoPairError(f"The body of request {exchange_id} cannot be compared: {body.missing}")
    return plain(body.data, exchanges.request_headers(exchange_id))
