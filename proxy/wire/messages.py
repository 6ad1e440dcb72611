"""Read the answer to one request: a JSON body or a stream, whole, cut anywhere, or garbage."""

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.wire.billing.refusals import ONE_ATTEMPT, Attempts, attempts_of
from proxy.wire.billing.usage import Usage, merge
from proxy.wire.lenient import as_count, as_dict, as_list, as_text, is_longer, parse
from proxy.wire.rebuild import Rebuilder
from proxy.wire.sse import Decoder

_MESSAGE_TYPES = ("message", "completion")
# An answer may have 128,000 tokens, and about as many events at most.
_MOST_EVENTS = 200_000
_LONGEST_DETAILS = 128 * 1024
_STREAM_STARTS = (b"event:", b"data:", b":")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the client is asked to run. Server tools run at Anthropic and are none."""

    name: str
    id: str
    input: dict[str, object]


@dataclass(frozen=True, slots=True)
class ResponseContent:
    """What an answer says; None or empty where it says nothing.

    `message` is the JSON body, or the whole message rebuilt from a stream. `finished` is false for a stream
    without its last event and for JSON that ends too early. `error_type` and `error_message` come from an
    error body or from an error event in the middle of a stream; `error_code` is the API's stable name of it.
    `counted_tokens` is count_tokens' answer, `input_transformations` how many changes to its input upstream reports.
    """

    message: dict[str, object] | None = None
    usage: Usage | None = None
    model: str | None = None
    stop_reason: str | None = None
    message_id: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    streamed: bool = False
    finished: bool = False
    tools: tuple[ToolCall, ...] = ()
    counted_tokens: int | None = None
    attempts: Attempts = ONE_ATTEMPT
    stop_details: dict[str, object] | None = None
    error_code: str | None = None
    input_transformations: int = 0


def read_response(status: int, content_type: str, body: bytes) -> ResponseContent:
    """What the decompressed `body` of an answer says. Never raises."""
    if _is_stream(content_type, body):
        return _read_stream(body)
    value = parse(body)
    message = value if isinstance(value, dict) else None
    fields = as_dict(message)
    usage = fields.get("usage")
    return _response(
        message,
        as_dict(fields.get("error")) if _is_error(status, fields) else None,
        merge(usage) if isinstance(usage, dict) else None,
        streamed=False,
        finished=value is not None or not _is_json(content_type),
        counted_tokens=None if "type" in fields else as_count(fields.get("input_tokens")),
    )


def _is_json(content_type: str) -> bool:
    return content_type.lower().partition(";")[0].strip().endswith(("/json", "+json"))


def _is_stream(content_type: str, body: bytes) -> bool:
    if "text/event-stream" in content_type.lower():
        # A recorder may have kept the message and the stream's headers; no line of a stream begins so.
        return not body[:64].lstrip().startswith(b"{")
    # A recorder or gateway may have lost the content type.
    return not content_type and body[:64].lstrip().startswith(_STREAM_STARTS)


def _is_error(status: int, fields: dict[str, object]) -> bool:
    return fields.get("type") == "error" or (status >= 400 and "error" in fields)


def _read_stream(body: bytes) -> ResponseContent:
    if body.count(b"data:") > _MOST_EVENTS:
        return ResponseContent(
            streamed=True, finished=True
        )  # nobody looked for its end, so nobody says that it has none
    decoder = Decoder()
    rebuilder = Rebuilder()
    rebuilder.add(decoder.feed(body))
    rebuilder.add(decoder.flush())
    message = rebuilder.message()
    usage = merge(*rebuilder.usages) if any(rebuilder.usages) else None
    if message is not None and usage is not None:
        message["usage"] = usage.raw
    return _response(message, rebuilder.error, usage, streamed=True, finished=rebuilder.finished)


def _response(
    message: dict[str, object] | None,
    error: dict[str, object] | None,
    usage: Usage | None,
    *,
    streamed: bool,
    finished: bool,
    counted_tokens: int | None = None,
) -> ResponseContent:
    fields = as_dict(message)
    # Files, models and batches have an `id` as well, which names no message.
    reported = fields if streamed or fields.get("type") in _MESSAGE_TYPES else {}
    return ResponseContent(
        message=message,
        usage=usage,
        model=as_text(reported.get("model")),
        stop_reason=as_text(reported.get("stop_reason")),
        message_id=as_text(reported.get("id")),
        error_type=None if error is None else as_text(error.get("type")) or "error",
        error_message=None if error is None else as_text(error.get("message")) or "",
        streamed=streamed,
        finished=finished,
        tools=tuple(_tool_calls(reported)),
        counted_tokens=counted_tokens,
        attempts=attempts_of(reported),
        stop_details=_stop_details(reported),
        error_code=as_text(as_dict(as_dict(error).get("details")).get("error_code")),
        input_transformations=len(as_list(reported.get("input_transformations"))),
    )


def _stop_details(message: dict[str, object]) -> dict[str, object] | None:
    """Without the token in it, which pays for a retry."""
    details = as_dict(message.get("stop_details"))
    if is_longer(details, _LONGEST_DETAILS):
        return None
    return {name: value for name, value in details.items() if name != "fallback_credit_token"} or None


def _tool_calls(message: dict[str, object]) -> Iterator[ToolCall]:
    for item in as_list(message.get("content")):
        block = as_dict(item)
        if block.get("type") == "tool_use":
            name, identity = as_text(block.get("name")), as_text(block.get("id"))
            yield ToolCall(name or "", identity or "", as_dict(block.get("input")))
