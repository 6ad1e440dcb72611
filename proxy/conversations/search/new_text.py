"""What a turn adds to its conversation: the last words of the person or the tools, and the response to them.

All that came before was new in an earlier turn. Left out: system reminders, thinking, images, documents, results of server tools.
Of a text that is longer than MOST_OF_PART the rest is cut, of a turn what is beyond MOST_OF_TURN; words there are not found.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

import msgspec

from accounts.secrets.masking import mask_json, mask_text
from proxy.conversations.search.words import normal
from proxy.wire.lenient import as_dict, as_list, as_text, parse
from proxy.wire.reminders import WHITESPACE, without_reminders
from proxy.wire.request_shape import Message

MOST_OF_PART = 16_000
MOST_OF_TURN = 64_000
# Characters behind the cut that are masked as well: a secret that is cut no longer looks like one.
_MARGIN = 2_000

Where = Literal["prompt", "toolResult", "response", "toolInput"]


class Part(NamedTuple):
    """A text without secrets, in NFKC, and where it stood."""

    where: Where
    text: str


def new_text(messages: Sequence[Message], response: dict[str, object] | None) -> list[Part]:
    """What is new in a turn of these messages with this response; empty where it says nothing. Never raises on any JSON."""
    return list(_bounded([*_asked(messages), *_said(response)]))


def _asked(messages: Sequence[Message]) -> Iterator[Part]:
    """The last run of the user's messages; behind it may be the beginning of the response, which the client wrote."""
    backwards = iter(reversed(messages))
    last = next((message for message in backwards if message.role == "user"), None)
    if last is None:
        return
    run = [last, *takewhile(lambda message: message.role == "user", backwards)]
    for message in reversed(run):
        yield from _of_user(parse(bytes(message.content)))


def _of_user(content: object) -> Iterator[Part]:
    if isinstance(content, str):
        yield Part("prompt", without_reminders(content))
    for block in map(as_dict, as_list(content)):
        if block.get("type") == "text":
            yield Part("prompt", without_reminders(as_text(block.get("text")) or ""))
        elif block.get("type") == "tool_result":
            yield Part("toolResult", "\n".join(map(without_reminders, _texts(block.get("content")))))


def _texts(content: object) -> Iterator[str]:
    """The texts of a content: itself, or those of its blocks."""
    if isinstance(content, str):
        yield content
    for block in map(as_dict, as_list(content)):
        if block.get("type") == "text":
            yield as_text(block.get("text")) or ""


def _said(response: dict[str, object] | None) -> Iterator[Part]:
    for block in map(as_dict, as_list(as_dict(response).get("content"))):
        if block.get("type") == "text":
            yield Part("response", as_text(block.get("text")) or "")
        elif block.get("type") == "tool_use":
            yield Part("toolInput", "\n".join(_call(block)))


def _call(block: dict[str, object]) -> Iterator[str]:
    """A call's tool and its input by lines. Masked as JSON first: a key of it may be all that says that its value is a secret."""
    yield as_text(block.get("name")) or ""
    for name, value in as_dict(mask_json(as_dict(block.get("input")))).items():
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield f"{name}: {shown}"
    yield as_text(block.get("partial_json")) or ""


def _bounded(parts: Iterable[Part]) -> Iterator[Part]:
    left = MOST_OF_TURN
    for part in parts:
        text = _clean(part.text, min(left, MOST_OF_PART))
        if text:
            left -= len(text)
            yield Part(part.where, text)


def _clean(text: str, most: int) -> str:
    """Masked, then cut: what was cut off a secret is in the margin, and that goes."""
    normalised = normal(text[: most + _MARGIN]).replace("\x00", "")
    masked = mask_text(normalised)
    if len(text) > most + _MARGIN:
        masked = masked[:-_MARGIN]
    return masked[:most].strip(WHITESPACE)
