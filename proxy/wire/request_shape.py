"""The members of a request that hold its facts, decoded alone: tools, their results and images are only skipped over.

Of a long session they are almost all bytes, and nothing asks for their values. Format: the body of `POST /v1/messages`.
"""

import msgspec

from proxy.wire.lenient import as_dict, as_list, as_text, is_crowded, parse

_NULL = msgspec.Raw(b"null")
_LONGEST_OBJECT = 64 * 1024


class Message(msgspec.Struct):
    """A message; its content waits as JSON until somebody asks (`blocks_of`)."""

    role: object = None
    content: msgspec.Raw = _NULL


class Block(msgspec.Struct):
    """What a block of content says of its text."""

    type: object = None
    text: object = None


class Shape(msgspec.Struct):
    """A request; objects and scalars are what the client sent, of whatever kind."""

    model: object = None
    stream: object = None
    max_tokens: object = None
    system: str | list[msgspec.Raw] | None = None
    messages: list[Message] | None = None
    tools: list[msgspec.Raw] | None = None
    metadata: msgspec.Raw = _NULL
    billing_policy: msgspec.Raw = _NULL
    thread: msgspec.Raw = _NULL


_decode = msgspec.json.Decoder(Shape).decode
_decode_content = msgspec.json.Decoder(str | list[Block] | None).decode
# What msgspec says of JSON that is broken, or of another kind than expected.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def shape_of(body: bytes) -> Shape | None:
    """The shape of a body; None if it is no JSON object, too deep or crowded. A member of a wrong kind is absent."""
    if is_crowded(body):
        return None
    try:
        return _decode(body)
    except _UNREADABLE:
        return _repaired(as_dict(parse(body)))


def object_of(member: msgspec.Raw) -> dict[str, object]:
    """A small object of a request, such as its metadata; empty where it is none, or has more than anybody asks for."""
    return as_dict(parse(bytes(member))) if memoryview(member).nbytes <= _LONGEST_OBJECT else {}


def blocks_of(message: Message) -> str | list[Block]:
    """A message's content: text, or the blocks; empty if it is neither."""
    try:
        return _decode_content(message.content) or ""
    except _UNREADABLE:
        value = parse(bytes(message.content))
        blocks = map(as_dict, as_list(value))
        return as_text(value) or [Block(block.get("type"), block.get("text")) for block in blocks]


def _repaired(fields: dict[str, object]) -> Shape | None:
    if not fields:
        return None
    system = fields.get("system")
    names = ("model", "stream", "max_tokens", "metadata", "billing_policy", "thread")
    kept = {
        **{name: fields.get(name) for name in names},
        "system": system if isinstance(system, str | list) else None,
        "messages": [as_dict(message) for message in as_list(fields.get("messages"))],
        "tools": as_list(fields.get("tools")),
    }
    return _decode(msgspec.json.encode(kept))
