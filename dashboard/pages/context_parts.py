"""What fills a context as pages show it: tools by their MCP server, in the same order and colours everywhere."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.safestring import SafeString

from accounts.secrets.masking import mask_text
from dashboard.drawing import strip
from dashboard.templatetags.nexus import grouped, percent
from proxy.conversations.findings.context_makeup import Content, Makeup, Share, What

SERIES = {
    Content.SYSTEM: 0,
    Content.TOOLS: 4,
    Content.HISTORY: 1,
    Content.TOOL_RESULTS: 2,
    Content.THINKING: 3,
    Content.IMAGES: 5,
    Content.REST: 6,
}
MOST_SERVERS = 8
_OTHERS = "other MCP servers"


class Part(NamedTuple):
    """A content, or the tools of one MCP server; `share` is of the whole prompt."""

    name: str
    series: int
    tokens: int
    bytes: int
    share: float


@dataclass(frozen=True, slots=True)
class Line:
    """A part with what of it is new in this turn, None where nobody can tell."""

    part: Part
    added: int | None


def parts_of(makeup: Makeup, *, by_server: bool = True) -> list[Part]:
    """The largest MCP servers by name, the others together; without `by_server` all tools are one part."""
    named = _largest_servers(makeup) if by_server else frozenset()
    tokens, sizes = Counter[What](), Counter[What]()
    for share in makeup.shares:
        what = share.what
        if what.server and what not in named:
            what = What(what.content, _OTHERS if by_server else "")
        tokens[what] += share.tokens or 0
        sizes[what] += share.bytes
    return [
        Part(_name(what), SERIES[what.content], count, sizes[what], count / makeup.total_tokens)
        for what, count in sorted(tokens.items(), key=_place)
        if count
    ]


def lines_of(makeup: Makeup, added: Makeup | None) -> list[Line]:
    """Each part beside what is new of it."""
    new = {part.name: part.tokens for part in parts_of(added)} if added and added.shares else None
    return [Line(part, None if new is None else new.get(part.name, 0)) for part in parts_of(makeup)]


def strip_of(makeup: Makeup) -> SafeString:
    """The parts as one bar."""
    return strip.draw([strip.Part(part.tokens, part.series, _title(part)) for part in parts_of(makeup)])


def _title(part: Part) -> str:
    return f"{part.name}: {grouped(part.tokens)} tokens, {percent(part.share)}"


def _largest_servers(makeup: Makeup) -> frozenset[What]:
    of_servers = sorted((share for share in makeup.shares if share.what.server), key=_size, reverse=True)
    return frozenset(share.what for share in of_servers[:MOST_SERVERS])


def _size(share: Share) -> int:
    return share.tokens or 0


def _place(item: tuple[What, int]) -> tuple[int, bool, bool, int]:
    what, tokens = item
    return [*SERIES].index(what.content), what.server == _OTHERS, bool(what.server), -tokens


def _name(what: What) -> str:
    if not what.server:
        return what.content.value
    return f"tools of {what.server if what.server == _OTHERS else mask_text(what.server)}"
