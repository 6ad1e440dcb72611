"""One line for each tool that Claude calls, with a hint at what it is about (docs/predecessor.md#slack)."""

from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

from proxy.store.notifications.quoting import clip
from proxy.wire.lenient import as_dict, as_list, as_text
from proxy.wire.messages import ToolCall

Input = dict[str, object]
NAME_LIMIT = 64
PATH_LIMIT = 120


def tool_line(call: ToolCall) -> str:
    """`    :wrench: <Tool> - <hint>`, without the dash where the input gives no hint."""
    hint = _HINTS.get(call.name, _described)(call.input)
    name = clip(call.name, NAME_LIMIT)
    return f"    :wrench: {name} - {hint}" if hint else f"    :wrench: {name}"


def _field(fields: Input, name: str) -> str:
    return as_text(fields.get(name)) or ""


def _path(name: str) -> Callable[[Input], str]:
    return lambda fields: clip("/".join(_field(fields, name).split("/")[-2:]), PATH_LIMIT)


def _start(name: str, limit: int) -> Callable[[Input], str]:
    return lambda fields: clip(_field(fields, name), limit)


def _command(fields: Input) -> str:
    # A backtick of the command's own would end the code that it is shown as.
    command = clip(_field(fields, "command"), 50).replace("`", "'")
    return f"`{command}`" if command else ""


def _todo_counts(fields: Input) -> str:
    counts = Counter(as_text(as_dict(todo).get("status")) for todo in as_list(fields.get("todos")))
    return (
        f"{counts['pending']} pending, {counts['in_progress']} in progress, {counts['completed']} completed"
    )


def _host(fields: Input) -> str:
    try:
        return clip(urlsplit(_field(fields, "url")).hostname or "", PATH_LIMIT)
    except ValueError:
        return ""


def _nothing(fields: Input) -> str:
    return ""


def _described(fields: Input) -> str:
    return clip(_field(fields, "prompt") or _field(fields, "description"), 40)


_HINTS: dict[str, Callable[[Input], str]] = {
    "Read": _path("file_path"),
    "Write": _path("file_path"),
    "Edit": _path("file_path"),
    "MultiEdit": _path("file_path"),
    "Bash": _command,
    "Grep": _start("pattern", 30),
    "Glob": _start("pattern", PATH_LIMIT),
    "LS": _path("path"),
    "TodoWrite": _todo_counts,
    "TodoRead": _nothing,
    "WebSearch": _start("query", 40),
    "WebFetch": _host,
}
