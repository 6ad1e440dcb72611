"""Why a cache broke: the API's own reason, else what differs between the two requests, first what comes first in the prompt.

What breaks which part: https://docs.claude.com/en/docs/build-with-claude/prompt-caching#what-invalidates-the-cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, islice

from proxy.conversations.findings.cache_breaks import TurnUsage
from proxy.conversations.findings.cause_words import Cause
from proxy.conversations.findings.marks import LOOKBACK, Mark, marks_of
from proxy.conversations.findings.request_diff import Change, Kind, RequestDiff, compared
from proxy.conversations.findings.request_parts import Part, Parts, blocks_of, encode, parts_of, type_of
from proxy.wire.lenient import as_dict, as_text

_BILLING_LINE = "x-anthropic-billing-header:"
_MOSTLY = 0.75  # bytes tell tokens this well


@dataclass(frozen=True, slots=True)
class Break:
    """Why a cache broke; `at` is the place in words or "", `by_api` says that the API itself gave the reason."""

    cause: Cause
    at: str = ""
    by_api: bool = False


def reported_reason(message: dict[str, object] | None) -> str | None:
    """The type of `diagnostics.cache_miss_reason` in an answer's message, such as "tools_changed"."""
    diagnostics = as_dict(as_dict(message).get("diagnostics"))
    return as_text(as_dict(diagnostics.get("cache_miss_reason")).get("type"))


# What the API's reasons can be in our words; the first where the requests do not show which. Its others say nothing.
_REPORTED = {
    "model_changed": (Cause.MODEL,),
    "tools_changed": (Cause.TOOL_CHANGED, Cause.TOOL_ADDED, Cause.TOOL_REMOVED, Cause.TOOLS_REORDERED),
    "system_changed": (Cause.SYSTEM,),
    "messages_changed": (Cause.HISTORY, Cause.TOOL_CHOICE, Cause.THINKING, Cause.IMAGES),
}


def cause(
    parent: TurnUsage, turn: TurnUsage, before: bytes, after: bytes, reported: str | None = None
) -> Break:
    """Why a turn lost what its parent had cached, from the bodies of both requests; the API's own reason wins.

    Bodies that are no JSON, empty, or only continue a thread show nothing.
    """
    old, new = parts_of(before), parts_of(after)
    found = list(_causes(parent, turn, old, new))
    if allowed := _REPORTED.get(reported or ""):
        shown = next((reason for reason in found if reason.cause in allowed), Break(allowed[0]))
        return replace(shown, by_api=True)
    return found[0] if found else Break(Cause.UNKNOWN)


def _causes(parent: TurnUsage, turn: TurnUsage, old: Parts, new: Parts) -> Iterator[Break]:
    """All that could be it, what comes first in the prompt first."""
    old_marks = marks_of(old)
    expired = _expired(parent, turn, old_marks)
    if turn.model != parent.model:
        yield Break(Cause.MODEL)
    if any(not parts.messages or parts.continues_thread for parts in (old, new)):
        yield from _of_speed(parent, turn)
        yield from expired
        return
    diff = compared(old, new)
    yield from _of_tools(diff)
    yield from _of_speed(parent, turn)
    in_system = list(diff.breaks(Part.SYSTEM))
    yield from (Break(Cause.SYSTEM, change.side.at) for change in in_system if not _is_billing_line(change))
    yield from _of_settings(old, new)
    for change in islice(diff.breaks(Part.MESSAGES), 1):
        if expired and not _explains(change, parent, turn, old, old_marks):
            yield from expired
        yield Break(Cause.HISTORY, change.side.at)
    if _has_images(old) != _has_images(new):
        yield Break(Cause.IMAGES)
    yield from _of_marks(old_marks, marks_of(new), expired)
    # Clients change this line with each request, and most caches hold: it is blamed where nothing else is to be seen.
    yield from (Break(Cause.SYSTEM, change.side.at) for change in in_system if _is_billing_line(change))


def _of_speed(parent: TurnUsage, turn: TurnUsage) -> Iterator[Break]:
    if (turn.speed == "fast") != (parent.speed == "fast"):
        yield Break(Cause.SPEED)


_OF_KIND = {
    Kind.ADDED: Cause.TOOL_ADDED,
    Kind.REMOVED: Cause.TOOL_REMOVED,
    Kind.CHANGED: Cause.TOOL_CHANGED,
    Kind.MOVED: Cause.TOOLS_REORDERED,
}


def _of_tools(diff: RequestDiff) -> Iterator[Break]:
    yield from (Break(_OF_KIND[change.kind], change.side.at) for change in diff.breaks(Part.TOOLS))


def _is_billing_line(change: Change) -> bool:
    """Whether it is the block in which Claude Code names its version and how it was started."""
    return (as_text(as_dict(change.side.value).get("text")) or "").startswith(_BILLING_LINE)


def _of_settings(old: Parts, new: Parts) -> Iterator[Break]:
    """What is no part of the prompt and still makes the API read no message from its cache."""
    if _tool_choice(old) != _tool_choice(new):
        yield Break(Cause.TOOL_CHOICE)
    if _thinking(old) != _thinking(new):
        yield Break(Cause.THINKING)


def _tool_choice(parts: Parts) -> dict[str, object]:
    return {"type": "auto", **as_dict(parts.settings.get("tool_choice"))}


def _thinking(parts: Parts) -> dict[str, object]:
    """How thinking is shown is no matter to the cache."""
    said = {"type": "disabled", **as_dict(parts.settings.get("thinking"))}
    return {name: value for name, value in said.items() if name in ("type", "budget_tokens")}


def _has_images(parts: Parts) -> bool:
    blocks = chain.from_iterable(map(blocks_of, parts.messages))
    return any(type_of(block) == "image" or _holds_image(block) for block in blocks)


def _holds_image(block: object) -> bool:
    inner = blocks_of(block) if type_of(block) == "tool_result" else []
    return any(type_of(item) == "image" for item in inner)


def _expired(parent: TurnUsage, turn: TurnUsage, marks: list[Mark]) -> list[Break]:
    """Counted from when the parent's request came: reading and writing both begin the time anew, and answering does not.

    The parent's own writes say for how long; if it wrote nothing, its last mark.
    """
    if parent.cache_write_tokens:
        one_hour = parent.cache_write_1h_tokens >= parent.cache_write_tokens
    else:
        one_hour = bool(marks) and marks[-1].one_hour
    age = turn.started_at - parent.started_at
    if age <= (timedelta(hours=1) if one_hour else timedelta(minutes=5)):
        return []
    return [Break(Cause.EXPIRED_1H if one_hour else Cause.EXPIRED_5M)]


def _explains(change: Change, parent: TurnUsage, turn: TurnUsage, old: Parts, marks: list[Mark]) -> bool:
    """Whether as much was read as a rewritten history leaves, by bytes: almost all before it if that is near the end, as each
    turn cached up to its own end; else tools and system, if they are marked. Less was read where the cache had expired.
    """
    head = [*old.tools, *old.system]
    messages = [blocks_of(message) for message in old.messages]
    blocks = [*head, *chain.from_iterable(messages)]
    until = len(head) + sum(map(len, messages[: change.side.index]))
    if len(blocks) - until > LOOKBACK:
        until = max((mark.position + 1 for mark in marks if not mark.in_messages), default=0)
    sizes = [len(encode(block)) for block in blocks]
    return turn.cache_read_tokens * sum(sizes) >= _MOSTLY * parent.cached_tokens * sum(sizes[:until])


def _of_marks(old: list[Mark], new: list[Mark], expired: list[Break]) -> Iterator[Break]:
    if old and not new:
        yield Break(Cause.NO_MARK)
    yield from expired
    if old and new:
        last = old[-1].position
        if all(mark.position < last for mark in new):
            yield Break(Cause.MARK_MOVED_BACK)
        elif not any(0 <= mark.position - last < LOOKBACK for mark in new):
            yield Break(Cause.MARKS_TOO_FAR)
