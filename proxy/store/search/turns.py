"""What exchanges say that is new, read from their bodies for search."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from django.conf import settings

from proxy.conversations.content import Hasher, Summary, content_of, summary_of
from proxy.conversations.keys import conversation_id, keys_of
from proxy.conversations.search.new_text import new_text
from proxy.store.bodies.blobs import ChunkWriter
from proxy.store.bodies.codings import plain
from proxy.store.bodies.traffic import Side, Whole
from proxy.store.cpu_bound import Bounded, TooSlow
from proxy.store.models import Exchange, SearchText, month_of
from proxy.store.search.rows import text_row
from proxy.wire.lenient import as_dict
from proxy.wire.messages import read_response
from proxy.wire.request_shape import Message, shape_of

log = logging.getLogger("nexus.ingest")

PATH = "/v1/messages"
Response = dict[str, object] | None


def text_rows(wholes: Iterable[Whole], writer: ChunkWriter) -> list[SearchText]:
    """A row, not yet saved, for each turn that says anything; none with search off."""
    return [row for whole in wholes if (row := _row(whole, writer))] if settings.SEARCH_ENABLED else []


def _row(whole: Whole, writer: ChunkWriter) -> SearchText | None:
    """What no parser can take, or takes too long, is stored all the same, and is not found."""
    try:
        with Bounded():
            return _read(whole, writer)
    except TooSlow:
        log.error("search.unread", extra={"exchange": str(whole.exchange.id), "why": "it took too long"})
    except Exception:
        log.exception("search.unread", extra={"exchange": str(whole.exchange.id)})
    return None


def _read(whole: Whole, writer: ChunkWriter) -> SearchText | None:
    exchange, traffic = whole.exchange, whole.traffic
    if exchange.path != PATH or traffic is None or not traffic.request.body:
        return None
    shape = shape_of(plain(traffic.request.body, traffic.request.headers))
    messages = shape.messages if shape else None
    response = whole.message or _message(exchange.status, traffic.response)
    parts = new_text(messages or [], response)
    if not messages or not parts:
        return None
    seal = writer.seal_of(month_of(exchange.id).date())
    return text_row(exchange.id, exchange.domain, _conversation(exchange, messages, response), parts, seal)


def _message(status: int, side: Side) -> Response:
    """The message of a response that nobody has read yet."""
    kind = next((value for name, value in side.headers if name.lower() == "content-type"), "")
    return read_response(status, kind, plain(side.body or b"", side.headers)).message


def _conversation(exchange: Exchange, messages: Sequence[Message], response: Response) -> UUID:
    if exchange.session_id:
        return conversation_id(exchange.domain, exchange.session_id, b"")
    hasher = Hasher()
    said = summary_of("assistant", as_dict(response).get("content"), hasher) if response else None
    keys = keys_of(list(_summaries(messages, hasher)), said, hasher)
    return conversation_id(exchange.domain, "", keys.begins if keys else exchange.id.bytes)


def _summaries(messages: Iterable[Message], hasher: Hasher) -> Iterator[Summary]:
    for message in messages:
        yield summary_of(str(message.role), content_of(bytes(message.content)), hasher)
