"""Messages of a request in a line each: what was said, and each call beside its result."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from dashboard.transcript.news import Call, Result, calls_of, line_of, results_of
from proxy.wire.lenient import as_dict, as_list, as_text
from proxy.wire.reminders import without_reminders

Message = dict[str, object]
ROLES = {"user": "User", "assistant": "Assistant", "system": "System"}


@dataclass(frozen=True, slots=True)
class Line:
    """A message; `number` counts from 1 and is its anchor. `calls` have the results that the next message brought."""

    number: int
    role: str
    name: str
    words: str
    calls: tuple[Call, ...] = ()


def lines(messages: list[Message], first: int, end: int) -> list[Line]:
    """Those from one place to another, counted from 0."""
    return [_line(number, messages) for number in range(max(first, 0), min(end, len(messages)))]


def _line(at: int, messages: list[Message]) -> Line:
    message = messages[at]
    role, content = as_text(message.get("role")) or "unknown", message.get("content")
    words = line_of(" ".join(_said(content)))
    if role == "assistant":
        following = results_of(messages[at + 1].get("content")) if at + 1 < len(messages) else {}
        calls = tuple(replace(call, result=following.get(call.id)) for call in calls_of(content))
        return Line(at + 1, role, ROLES[role], words, calls)
    results = results_of(content)
    if results and not words:
        return Line(at + 1, role, "Tool results", _summed(results.values()))
    return Line(at + 1, role, ROLES.get(role, line_of(role)), words)


def _said(content: object) -> Iterable[str]:
    """Texts without what clients put into them, and what else there is by its type."""
    if isinstance(content, str):
        yield without_reminders(content)
        return
    for block in map(as_dict, as_list(content)):
        kind = as_text(block.get("type")) or ""
        if kind == "text":
            yield without_reminders(as_text(block.get("text")) or "")
        elif kind in ("image", "document"):
            yield f"[{kind}]"


def _summed(results: Iterable[Result]) -> str:
    found = list(results)
    failed = sum(result.is_error for result in found)
    sizes = f"{sum(result.size for result in found):,} characters"
    return f"{len(found)}, {sizes}" + (f", {failed} failed" if failed else "")
