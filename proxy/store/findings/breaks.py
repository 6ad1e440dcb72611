"""Cache breaks of a stored conversation: found from usage, their cause from the two requests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from proxy.conversations.findings import cache_breaks, cache_causes
from proxy.conversations.findings.cache_breaks import TurnUsage
from proxy.conversations.parents import LinkKind
from proxy.conversations.tree import Kind, Place
from proxy.store.bodies.blobs import BodyMissingError, body_of
from proxy.store.bodies.codings import plain
from proxy.store.bodies.headers import NONE, headers_of
from proxy.store.conversations.loading import Loaded
from proxy.store.models import CacheBreak, Exchange, ExchangeBody
from proxy.store.postgres import columns
from proxy.wire.billing.price_book import PriceBook
from proxy.wire.billing.pricing import Terms
from proxy.wire.lenient import as_count, as_dict
from proxy.wire.messages import read_response

# Over these a turn goes on from what its parent cached; after a compaction it begins anew.
_GOES_ON = {LinkKind.ANSWER, LinkKind.PREFIX, LinkKind.THREAD}


@dataclass(frozen=True, slots=True)
class Lost:
    """A turn that lost what `parent` had cached."""

    turn: Exchange
    parent: Exchange
    tokens: int


def breaks_of(loaded: Loaded, known: Mapping[UUID, CacheBreak], book: PriceBook) -> list[CacheBreak]:
    """All breaks; one that is `known` with the same parent and loss keeps its cause, for bodies do not change."""
    return [_row(loaded, found, known.get(found.turn.id), book) for found in losses(loaded)]


def losses(loaded: Loaded) -> Iterator[Lost]:
    """Where usage says that less was read than the nearest answered turn before had cached."""
    places = {place.id: place for place in loaded.tree.places}
    for place in loaded.tree.places:
        turn = loaded.exchanges[place.id]
        parent = _cached_before(place, places, loaded.exchanges)
        if place.kind in (Kind.SIDE, Kind.COMPACTION) or parent is None or not _answered(turn):
            continue
        if tokens := cache_breaks.lost(usage_of(parent), usage_of(turn)):
            yield Lost(turn, parent, tokens)


def usage_of(row: Exchange) -> TurnUsage:
    """What usage tells of a turn."""
    split = as_dict(as_dict(row.usage).get("cache_creation"))
    return TurnUsage(
        model=row.answered_model or row.model,
        started_at=row.started_at,
        input_tokens=row.input_tokens or 0,
        cache_read_tokens=row.cache_read_tokens or 0,
        cache_write_tokens=row.cache_write_tokens or 0,
        cache_write_1h_tokens=as_count(split.get("ephemeral_1h_input_tokens")) or 0,
        speed=row.speed or None,
    )


def plain_body(exchange: UUID, which: str) -> bytes:
    """A body as it was meant, b"" where nobody has it any more."""
    try:
        body = body_of(exchange, "request" if which == "request" else "response")
    except BodyMissingError:
        return b""
    headers = headers_of(ExchangeBody.objects.filter(pk=exchange)).get(exchange, NONE)
    return plain(body, headers.request if which == "request" else headers.response)


def _answered(row: Exchange) -> bool:
    return row.input_tokens is not None


def _cached_before(
    place: Place, places: Mapping[UUID, Place], exchanges: Mapping[UUID, Exchange]
) -> Exchange | None:
    """The nearest answered turn that it goes on from, if nothing is missing between and the agent is the same."""
    at = place
    while at.found_by in _GOES_ON and (parent := at.parent and places.get(at.parent)):
        if parent.agent_id != place.agent_id:
            return None
        if _answered(exchanges[parent.id]):
            return exchanges[parent.id]
        at = parent
    return None


def _row(loaded: Loaded, found: Lost, known: CacheBreak | None, book: PriceBook) -> CacheBreak:
    row = CacheBreak(
        id=found.turn.id,
        conversation=loaded.conversation.id,
        domain=loaded.conversation.domain,
        parent=found.parent.id,
        lost_tokens=found.tokens,
        avoidable_usd=_avoidable(found, book),
    )
    if known and (known.parent, known.lost_tokens) == (row.parent, row.lost_tokens):
        row.cause, row.at, row.by_api = known.cause, known.at, known.by_api
    else:
        why = cause_of(found)
        row.cause, row.at, row.by_api = why.cause, why.at[:200], why.by_api
    columns.fit(row)
    return row


def cause_of(found: Lost) -> cache_causes.Break:
    """Why, from the bodies of both requests and what the API says itself."""
    response = plain_body(found.turn.id, "response")
    streamed = "text/event-stream" if found.turn.streamed else "application/json"
    message = read_response(found.turn.status, streamed, response).message
    return cache_causes.cause(
        usage_of(found.parent),
        usage_of(found.turn),
        plain_body(found.parent.id, "request"),
        plain_body(found.turn.id, "request"),
        cache_causes.reported_reason(message),
    )


def _avoidable(found: Lost, book: PriceBook) -> Decimal | None:
    usage = usage_of(found.turn)
    price = book.find(usage.model, usage.started_at)
    terms = Terms(fast=found.turn.speed == "fast", in_us=found.turn.inference_geo == "us")
    return cache_breaks.avoidable_usd(found.tokens, usage, price, terms) if price else None
