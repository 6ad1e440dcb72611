"""What a request's path asks for, where an operator's credential would pay: read as generously as any server might read it."""

from enum import Enum
from urllib.parse import unquote

_SEPARATORS = str.maketrans("\\", "/")
# What servers are known to drop from a path before they resolve it.
_INVISIBLE = dict.fromkeys([*range(0x21), 0x7F])


class Reach(Enum):
    """How far a path reaches beyond the single request."""

    PLAIN = "plain"
    # What it names is only known once somebody has resolved it.
    DOTTED = "dotted"
    # The organisation itself: keys, people, tokens.
    CLOSED = "closed"
    # What everybody who shares a credential sees: files and batches.
    SHARED = "shared"


def reach_of(target: str) -> Reach:
    """The reach of a request target, raw as the client wrote it, with or without a query.

    Percent-encoding is undone once, as a server does: what is still encoded then is data.
    """
    path = target.partition("?")[0]
    if path == "/v1/messages":
        return Reach.PLAIN
    segments = _segments(path)
    if "." in segments or ".." in segments:
        return Reach.DOTTED
    _, first, second = [*segments, "", "", ""][:3]
    if first.startswith(("organizations", "oauth")):
        return Reach.CLOSED
    if first.startswith("files") or (first == "messages" and second.startswith("batches")):
        return Reach.SHARED
    return Reach.PLAIN


def _segments(path: str) -> list[str]:
    """In lower case, without empty ones and without parameters (`;…`), which some servers cut off before they look."""
    clear = unquote(path).translate(_INVISIBLE).translate(_SEPARATORS).lower()
    return [name for segment in clear.split("/") if (name := segment.partition(";")[0])]
