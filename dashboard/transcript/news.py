"""What was new in a turn: what its person or its tools said last, and the answer, as a few bounded words each.

A request brings all of its conversation along; only the messages after the last answer are decoded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from accounts.secrets.masking import mask_text
from dashboard.transcript.blocks import TOOL_CALLS
from proxy.wire.lenient import as_dict, as_list, as_text, parse
from proxy.wire.messages import ResponseContent
from proxy.wire.reminders import without_reminders
from proxy.wire.request_shape import Message, shape_of

WORDS = 1_500
PREVIEW = 160
# A margin so that a secret at the cut still looks like one when it is masked.
_MARGIN = 400
# What says most of a call, in this order.
_TELLING = ("command", "file_path", "path", "pattern", "query", "url", "description", "prompt", "skill")


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back; `size` is its characters."""

    preview: str
    size: int
    is_error: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A tool's call in one line, with its result where the next request brought one."""

    id: str
    name: str
    preview: str
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class News:
    """Masked texts; `words` are the person's, `attachments` name images and documents with their sizes."""

    words: str = ""
    attachments: tuple[str, ...] = ()
    results: dict[str, Result] | None = None
    response: str = ""
    thought: int = 0
    calls: tuple[Call, ...] = ()

    def with_results(self, results: dict[str, Result]) -> "News":
        """With the results of its calls, which the next turn brought."""
        return replace(self, calls=tuple(replace(call, result=results.get(call.id)) for call in self.calls))


def last_run(body: bytes) -> list[Message]:
    """The messages of a user after the last answer; what a client begins of the next answer is passed over."""
    shape = shape_of(body)
    messages = list((shape.messages if shape else None) or ())
    while messages and messages[-1].role == "assistant":
        messages.pop()
    return [*takewhile(lambda message: message.role != "assistant", reversed(messages))][::-1]


def asked(body: bytes) -> News:
    """What a request brought."""
    words: list[str] = []
    attachments: list[str] = []
    results: dict[str, Result] = {}
    for message in last_run(body):
        if message.role == "system":
            continue
        for block in _blocks(parse(bytes(message.content))):
            kind = as_text(block.get("type")) or ""
            if kind == "text":
                words.append(without_reminders(as_text(block.get("text")) or "").strip())
            elif kind.endswith("tool_result"):
                results[as_text(block.get("tool_use_id")) or ""] = _result(block)
            elif kind in ("image", "document"):
                attachments.append(_attachment(kind, block))
    return News(_clipped("\n\n".join(filter(None, words)), WORDS), tuple(attachments), results)


def answered(news: News, response: ResponseContent) -> News:
    """With what came back."""
    content = as_dict(response.message).get("content")
    texts: list[str] = []
    thought = 0
    for block in _blocks(content):
        kind = as_text(block.get("type")) or ""
        if kind == "text":
            texts.append(as_text(block.get("text")) or "")
        elif kind == "thinking":
            thought += len(as_text(block.get("thinking")) or "")
    said = _clipped("\n\n".join(texts).strip(), WORDS)
    return replace(news, response=said, thought=thought, calls=tuple(calls_of(content)))


def calls_of(content: object) -> Iterator[Call]:
    """The calls in an answer."""
    for block in _blocks(content):
        if as_text(block.get("type")) in TOOL_CALLS:
            yield _call(block)


def results_of(content: object) -> dict[str, Result]:
    """The results of tools in a message, by the ids of their calls."""
    blocks = (
        block for block in _blocks(content) if (as_text(block.get("type")) or "").endswith("tool_result")
    )
    return {as_text(block.get("tool_use_id")) or "": _result(block) for block in blocks}


def line_of(text: str) -> str:
    """The beginning of a text in one line, masked."""
    return _line(text)


def _blocks(content: object) -> Iterable[dict[str, object]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return map(as_dict, as_list(content))


def _call(block: dict[str, object]) -> Call:
    given = as_dict(block.get("input"))
    telling = next((text for name in _TELLING if (text := as_text(given.get(name)))), "")
    if not telling:
        telling = ", ".join(f"{name}: {value}" for name, value in list(given.items())[:5])[
            : PREVIEW + _MARGIN
        ]
    name = _line(as_text(block.get("name")) or "?")
    return Call(as_text(block.get("id")) or "", name, _line(telling))


def _result(block: dict[str, object]) -> Result:
    texts = list(_texts(block.get("content")))
    return Result(
        _line(" ".join(texts)[: PREVIEW + _MARGIN]), sum(map(len, texts)), block.get("is_error") is True
    )


def _texts(content: object) -> Iterator[str]:
    for block in _blocks(content):
        text = as_text(block.get("text"))
        yield text if text is not None else f"[{as_text(block.get('type')) or 'something'}]"


def _attachment(kind: str, block: dict[str, object]) -> str:
    source = as_dict(block.get("source"))
    data = as_text(source.get("data")) or ""
    what = mask_text(as_text(source.get("media_type")) or as_text(source.get("type")) or "")
    size = f", {len(data) * 3 / 4 / 1000:,.0f} kB" if data else ""
    return f"{kind.capitalize()} {what[:60]}{size}"


def _line(text: str) -> str:
    return _clipped(" ".join(text[: 4 * (PREVIEW + _MARGIN)].split()), PREVIEW)


def _clipped(text: str, most: int) -> str:
    shown = mask_text(text[: most + _MARGIN])
    return shown if len(text) <= most else f"{shown[:most]}…"
