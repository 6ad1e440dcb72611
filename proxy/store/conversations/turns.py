"""The row of keys of an exchange that carries messages, its offers, and the title that it may give its conversation."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import msgspec
from django.conf import settings

from accounts.secrets.masking import mask_text
from proxy.conversations.content import Hasher, Summary, summary_of
from proxy.conversations.findings import tool_calls
from proxy.conversations.findings.tool_calls import Call, Result
from proxy.conversations.keys import Keys, conversation_id, keys_of, previous_message
from proxy.conversations.offers import AGENT_TOOLS, asked_in
from proxy.conversations.search.new_text import Part, new_text
from proxy.conversations.tree import SIDE_CLASSES
from proxy.store.bodies import data_keys
from proxy.store.bodies.codings import plain
from proxy.store.bodies.traffic import Side, Whole
from proxy.store.cpu_bound import Bounded, TooSlow
from proxy.store.models import Exchange, Offer, Turn
from proxy.store.postgres import columns
from proxy.store.postgres.rows import new_row
from proxy.wire.lenient import as_list, as_text, parse
from proxy.wire.messages import ResponseContent, ToolCall, read_response
from proxy.wire.request_shape import Message, Shape, object_of
from proxy.wire.requests import RequestFacts, read_request

log = logging.getLogger("nexus.ingest")

TITLE_LENGTH = 200
_CONTROL = "".join(map(chr, range(32)))
_MASKED = 4000
_MESSAGES = "/v1/messages"
ToolDigests = tuple[list[Call], list[Result]]
_decode_digests = msgspec.msgpack.Decoder(ToolDigests).decode
_MOST_BLOCKS = 30_000
_LEAST_CROWDED = 1024**2  # bytes
# Summaries of messages that a worker remembers: a session brings all of its messages with each turn.
_REMEMBERED = 20_000
_REMEMBERED_CHARACTERS = 8_000_000


@dataclass(frozen=True, slots=True)
class NewTurn:
    """Rows not yet saved; `title` is the first words of its person, `said` what is new in it, both masked."""

    turn: Turn
    offers: tuple[Offer, ...]
    title: str
    said: tuple[Part, ...] = ()


def may_be(row: Exchange) -> bool:
    """Whether an exchange can be a turn, as far as its row tells."""
    return row.path == _MESSAGES and row.method == "POST"


def turn_of(
    row: Exchange,
    headers: Mapping[str, str],
    request: RequestFacts,
    response: ResponseContent,
    reader: "Reader",
) -> NewTurn | None:
    """The turn of an exchange; None where it carries no messages. `headers` are its request's, names in lower case."""
    shape = request.shape
    if not may_be(row) or shape is None or not shape.messages or _is_crowded(shape.messages):
        return None
    try:
        return _turn(row, headers, request, shape, response, reader)
    except TooSlow:
        raise
    except Exception:  # what a conversation lacks must not take from the record
        log.exception("ingest.no_keys", extra={"exchange": str(row.id)})
        return None


def _is_crowded(messages: Sequence[Message]) -> bool:
    """Whether there are more blocks than in any conversation: to look at each would take the time of other records."""
    if len(messages) > _MOST_BLOCKS:
        return True
    if sum(memoryview(message.content).nbytes for message in messages) < _LEAST_CROWDED:
        return False
    return sum(bytes(message.content).count(b"{") for message in messages) > _MOST_BLOCKS


def turn_from(whole: Whole, reader: "Reader") -> NewTurn | None:
    """The same from what was stored or exported."""
    traffic = whole.traffic
    if traffic is None or traffic.request.body is None:
        return None
    row = whole.exchange
    headers = {name.lower(): value for name, value in reversed(traffic.request.headers)}
    try:
        with Bounded():
            request, response = (
                read_request(row.path, _plain(traffic.request)),
                _response(row, traffic.response),
            )
            return turn_of(row, headers, request, response, reader)
    except TooSlow:
        log.error("ingest.no_keys", extra={"exchange": str(row.id), "why": "it took too long"})
        return None


def _response(row: Exchange, side: Side) -> ResponseContent:
    reported = {name.lower(): value for name, value in reversed(side.headers)}
    return read_response(row.status, reported.get("content-type", ""), _plain(side))


def _plain(side: Side) -> bytes:
    return plain(side.body or b"", side.headers)


def _turn(
    row: Exchange,
    headers: Mapping[str, str],
    request: RequestFacts,
    shape: Shape,
    response: ResponseContent,
    reader: "Reader",
) -> NewTurn | None:
    request_class = headers.get("x-claude-code-request-class", "")
    compaction = headers.get("x-claude-code-compaction", "")
    thread = object_of(shape.thread)
    keys = keys_of(
        reader.summaries(shape.messages or ()),
        reader.of_response(response),
        reader.hasher,
        calls=[*_agent_calls(response.tools)],
        message_id=response.message_id or "" if thread else "",
        previous_id=previous_message(thread),
        summarizes=bool(compaction) or request_class == "compaction",
    )
    if keys is None:
        return None
    title = _title(request.first_user_text) if _may_give_title(row, request_class, compaction) else ""
    turn = new_row(
        Turn,
        id=row.id,
        conversation=conversation_id(row.domain, row.session_id, keys.begins),
        domain=row.domain,
        tools=len(shape.tools or ()),
        request_class=request_class,
        compaction=compaction,
        agent_type=headers.get("x-claude-code-agent-type", ""),
        tool_digests=_tool_digests(shape, response, reader),
        gives_title=bool(title),
        **_stored(keys),
    )
    columns.fit(turn)
    offers = tuple(
        Offer(
            id=row.id, place=place, kind=offer.kind, key=offer.key, tool_id=columns.text(offer.tool_id, 200)
        )
        for place, offer in enumerate(keys.offers)
    )
    return NewTurn(turn, offers, title, _said(row, shape, response))


def _stored(keys: Keys) -> dict[str, object]:
    names = (
        "depth",
        "own",
        "prev",
        "takes",
        "gives",
        "first",
        "claim",
        "answer_id",
        "previous_id",
        "new_words",
    )
    return {name: getattr(keys, name) for name in names}


def _tool_digests(shape: Shape, response: ResponseContent, reader: "Reader") -> bytes:
    calls = tool_calls.calls_in(response.message, reader.secret)
    results = tool_calls.results_of(shape.messages or (), reader.secret)
    return msgspec.msgpack.encode((calls, results)) if calls or results else b""


def tool_digests(row: Turn) -> ToolDigests:
    """The calls of a turn's answer, and the results that its request brought."""
    data = bytes(row.tool_digests)
    return _decode_digests(data) if data else ([], [])


def _agent_calls(tools: Sequence[ToolCall]) -> Iterator[tuple[str, str]]:
    for call in tools:
        prompt = as_text(call.input.get("prompt"))
        if call.name in AGENT_TOOLS and prompt:
            yield prompt, call.id


def _said(row: Exchange, shape: Shape, response: ResponseContent) -> tuple[Part, ...]:
    """What is new in the turn, for search alone."""
    try:
        return tuple(new_text(shape.messages or (), response.message)) if settings.SEARCH_ENABLED else ()
    except Exception:  # what cannot be found is still a turn
        log.exception("search.unread", extra={"exchange": str(row.id)})
        return ()


def _may_give_title(row: Exchange, request_class: str, compaction: str) -> bool:
    """Whether it begins with words of a person: those of an agent are the model's, and side calls have none."""
    is_beside = bool(compaction) or request_class == "compaction" or request_class in SIDE_CLASSES
    return not (row.agent_id or is_beside or row.request_type == "quota")


def _title(text: str) -> str:
    """In one line; "" for Claude Code's request for a title, which comes first of all with the words in an element of their own.

    A session that is continued is called by what its summary says was asked for.
    """
    words = " ".join(asked_in(text)[:_MASKED].split())
    if words.startswith("<session>"):
        return ""
    # It begins with no control character, as what is sealed does.
    return columns.text(mask_text(words)[:TITLE_LENGTH]).lstrip(_CONTROL)


class Reader:
    """Sums up messages, each of them once: by its length and a hash of its JSON, which nobody outside this process can foresee."""

    def __init__(self, secret: bytes = b"") -> None:
        self.secret = secret
        self.hasher = Hasher(secret)
        self._known: dict[tuple[object, int, int], Summary] = {}
        self._characters = 0

    def summaries(self, messages: Sequence[Message]) -> list[Summary]:
        """Of a request's messages, in order."""
        return [self._summary(message) for message in messages]

    def of_response(self, response: ResponseContent) -> Summary | None:
        """Of an answer that said something, None of an error."""
        content = as_list((response.message or {}).get("content"))
        return summary_of("assistant", content, self.hasher) if content and not response.error_type else None

    def _summary(self, message: Message) -> Summary:
        content = bytes(message.content)
        role = message.role if isinstance(message.role, str) else ""
        key = (role, len(content), hash(content))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = summary_of(role, parse(content), self.hasher)
            self._characters += len(known.text)
            while len(self._known) > _REMEMBERED or self._characters > _REMEMBERED_CHARACTERS:
                self._characters -= len(self._known.pop(next(iter(self._known))).text)
        return known


def reader() -> Reader:
    """The one of this process, for a batch: with encryption on the database is asked for its secret."""
    return _reader(data_keys.linking_secret())


@lru_cache(maxsize=2)
def _reader(secret: bytes) -> Reader:
    return Reader(secret)


def known_ids(ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The conversation of each of these exchanges that has one."""
    if not ids:
        return {}
    # The bounds keep other months out of the plan.
    rows = Turn.objects.filter(id__in=ids, id__gte=min(ids), id__lte=max(ids))
    return dict(rows.values_list("id", "conversation"))
