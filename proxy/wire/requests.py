"""Read the facts of a request that Nexus records: who asks which model, in what kind of call."""

import re
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, field

from proxy.wire.hints import model_of, user_id_of, wants_stream
from proxy.wire.lenient import as_count, as_dict, as_text, parse
from proxy.wire.reminders import WHITESPACE, without_reminders
from proxy.wire.request_shape import Block, Message, Shape, blocks_of, object_of, shape_of

# Longer paths first: the first prefix that fits names the type.
_ENDPOINTS = (
    ("/v1/messages/count_tokens", "count_tokens"),
    ("/v1/messages/batches", "batch"),
    ("/v1/models", "models"),
    ("/v1/files", "files"),
    ("/v1/complete", "complete"),
)
_MESSAGES = "/v1/messages"
_OLD_USER_ID = re.compile(r"user_(?P<device>.*?)_account_(?P<account>.*?)_session_(?P<session>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class UserId:
    """`metadata.user_id` taken apart; a part that the client did not send is empty."""

    device: str
    account: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a request says; empty, zero or None where it says nothing.

    `request_type` is `inference`, `query_evaluation` or `quota` for messages (`unknown` where their body was not read),
    else the endpoint: `count_tokens`, `batch`, `models`, `files`, `complete`, `other`. `system_count` counts system blocks and
    messages of role system. `user_text` is the text of the last user message that has any, without system
    reminders; so it stays the same while an agent only reports tool results. `first_user_text` is that of the
    first. Neither is trimmed. `bill_to` is whom the request asks to bill. `shape` is what all this was read from.
    """

    request_type: str
    model: str = ""
    stream: bool = False
    max_tokens: int | None = None
    system_count: int = 0
    message_count: int = 0
    tool_count: int = 0
    user_text: str = ""
    first_user_text: str = ""
    user_id: UserId | None = None
    bill_to: str = ""
    shape: Shape | None = field(default=None, repr=False, compare=False)


def read_request(path: str, body: bytes) -> RequestFacts:
    """The facts of the request to `path` (a query may follow) with `body`. Never raises."""
    endpoint = path.partition("?")[0]
    shape = shape_of(body)
    if shape is None:
        return RequestFacts(_type(endpoint, 0, ""), model_of(body), wants_stream(body))
    messages = shape.messages or []
    system_count = _system_blocks(shape.system) + sum(message.role == "system" for message in messages)
    user_text = _first_text(reversed(messages))
    return RequestFacts(
        request_type=_type(endpoint, system_count, user_text),
        model=as_text(shape.model) or "",
        stream=shape.stream is True,
        max_tokens=as_count(shape.max_tokens),
        system_count=system_count,
        message_count=len(messages),
        tool_count=len(shape.tools or ()),
        user_text=user_text,
        first_user_text=_first_text(messages),
        user_id=_user_id(as_text(object_of(shape.metadata).get("user_id"))),
        bill_to=as_text(object_of(shape.billing_policy).get("bill_to")) or "",
        shape=shape,
    )


def read_target(path: str) -> RequestFacts:
    """What `path` (a query may follow) alone says of a request whose body nobody has."""
    endpoint = path.partition("?")[0]
    return RequestFacts("unknown" if endpoint == _MESSAGES else _type(endpoint, 0, ""))


def _text_of(message: Message) -> str:
    """The text of a message without system reminders: text blocks that are not blank, by lines."""
    content = blocks_of(message)
    return without_reminders(content) if isinstance(content, str) else "\n".join(_texts(content))


def _texts(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        if block.type == "text":
            text = without_reminders(as_text(block.text) or "")
            if text.strip(WHITESPACE):
                yield text


def _first_text(messages: Iterable[Message]) -> str:
    texts = (_text_of(message) for message in messages if message.role == "user")
    return next((text.replace("\x00", "") for text in texts if text.strip(WHITESPACE)), "")


def _system_blocks(system: str | Sized | None) -> int:
    return 1 if isinstance(system, str) else len(system or ())


def _type(endpoint: str, system_count: int, user_text: str) -> str:
    if endpoint == _MESSAGES:
        if user_text.strip(WHITESPACE).lower() == "quota":
            return "quota"
        return "query_evaluation" if system_count <= 1 else "inference"
    for prefix, name in _ENDPOINTS:
        if endpoint == prefix or endpoint.startswith(f"{prefix}/"):
            return name
    return "other"


def session_hint(body: bytes) -> str:
    """The session that a body's metadata names, by a search in its bytes: "" where none is found."""
    user_id = _user_id(user_id_of(body)) if body else None
    return user_id.session if user_id else ""


def _user_id(text: str | None) -> UserId | None:
    if not text:
        return None
    if old := _OLD_USER_ID.fullmatch(text):
        return UserId(old["device"], old["account"], old["session"])
    parts = as_dict(parse(text.encode("utf-8", "replace")))
    if not parts:
        return UserId(text)
    return UserId(*(as_text(parts.get(name)) or "" for name in ("device_id", "account_uuid", "session_id")))
