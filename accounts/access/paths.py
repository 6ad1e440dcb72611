"""What a request's path asks for, where an operator's credential would pay.

What everybody may reach who shares a credential is a list, compared letter by letter: what it does not name, in whatever
spelling, passes to nobody. What is closed is read as generously as any server might read it.
"""

import re
from enum import Enum
from urllib.parse import unquote

# All that a request to one of these can see is what it brings itself, or the same for all.
SHARED = {
    "/v1/messages": ("POST",),
    "/v1/messages/count_tokens": ("POST",),
    "/v1/complete": ("POST",),
    "/v1/models": ("GET", "HEAD"),
}
_MODEL = re.compile(r"/v1/models/[A-Za-z0-9][A-Za-z0-9._:@-]*")
_FILES = re.compile(r"/v1/(?:files|messages/batches)(?:/.*)?", re.DOTALL)
_SEPARATORS = str.maketrans("\\", "/")
# What servers are known to drop from a path before they resolve it.
_INVISIBLE = dict.fromkeys([*range(0x21), 0x7F])


class Reach(Enum):
    """How far a request reaches beyond itself."""

    # Itself: a credential that many share may pay.
    SHARED = "shared"
    # Files and batches, which all users of a credential see: shared where the operator says so.
    FILES = "files"
    # What else lies in the account, or may one day: only for a credential of the domain's own.
    OWN = "own"
    # The organisation itself (keys, people, tokens), and what is no path of the API: no credential of an operator pays.
    CLOSED = "closed"
    # What it names is only known once somebody has resolved it.
    DOTTED = "dotted"


def reach_of(method: str, target: str) -> Reach:
    """The reach of a request; its target raw as the client wrote it, with or without a query.

    Percent-encoding is undone once, as a server does: what is still encoded then is data.
    """
    path = target.partition("?")[0]
    if method in SHARED.get(path, ()) or (method in SHARED["/v1/models"] and _MODEL.fullmatch(path)):
        return Reach.SHARED
    segments = _segments(path)
    if "." in segments or ".." in segments:
        return Reach.DOTTED
    root, first = [*segments, "", ""][:2]
    if root != "v1" or first.startswith(("organizations", "oauth")):
        return Reach.CLOSED
    return Reach.FILES if _FILES.fullmatch(path) else Reach.OWN


def _segments(path: str) -> list[str]:
    """In lower case, without empty ones and without parameters (`;…`), which some servers cut off before they look."""
    clear = unquote(path).translate(_INVISIBLE).translate(_SEPARATORS).lower()
    return [name for segment in clear.split("/") if (name := segment.partition(";")[0])]
