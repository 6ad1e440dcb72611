"""What fills the context of a turn, by the bytes of its request against the tokens that the API counted.

Bytes tell tokens of words and code within a tenth from 5,000 tokens on, and nothing below. They tell nothing of images, files, and
what the API adds by itself (server tools, MCP servers by reference): those get what the others leave.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from proxy.conversations.findings.finding import Finding, FindingKind
from proxy.conversations.findings.request_parts import (
    Parts,
    blocks_in,
    blocks_of,
    encode,
    name_of,
    parts_of,
    role_of,
    type_of,
)
from proxy.wire.lenient import as_dict, as_list, as_text

LEAST_TOKENS = 5_000
# Tokens of schemas that are a finding: of MCP servers, and of all tools. Claude Code's own take 13,000.
MANY_OF_SERVERS, MANY_OF_ALL = 5_000, 25_000
BYTES_PER_TOKEN = 3.78  # the median of requests of agents, which lie between 3.47 and 3.90
# Words of any language have more; with less there is something in the prompt that the request does not hold.
_LEAST_BYTES_PER_TOKEN = 1.5
_MOST_SERVERS = 5
_MCP = "mcp__"


class Content(StrEnum):
    SYSTEM = "system"
    TOOLS = "tools"
    HISTORY = "history"
    TOOL_RESULTS = "tool results"
    THINKING = "thinking"
    IMAGES = "images"
    REST = "the rest"


class Certainty(StrEnum):
    EXACT = "exact"
    ESTIMATE = "estimate"
    NONE = "not estimated"


class What(NamedTuple):
    """What takes room; `server` is the MCP server whose tools they are, "" for all else."""

    content: Content
    server: str = ""


class Share(NamedTuple):
    """`tokens` is None where nobody can tell."""

    what: What
    bytes: int
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Makeup:
    """Shares that add up to `total_tokens`, unless they are not estimated. The total is the API's own count."""

    total_tokens: int
    certainty: Certainty
    shares: tuple[Share, ...]

    def tokens_of(self, content: Content) -> int:
        return sum(share.tokens or 0 for share in self.shares if share.what.content == content)


_OF_TYPE = {
    "text": Content.HISTORY,
    "tool_use": Content.HISTORY,
    "tool_result": Content.TOOL_RESULTS,
    "tool_reference": Content.TOOL_RESULTS,
    "thinking": Content.THINKING,
    "redacted_thinking": Content.THINKING,
    "image": Content.IMAGES,
}
_OPAQUE = frozenset((Content.IMAGES, Content.REST))


def makeup(body: bytes, total_tokens: int) -> Makeup:
    """What fills the context of a request whose prompt has `total_tokens` (input, cache reads and writes)."""
    parts = parts_of(body)
    sizes = _sizes(parts)
    if total_tokens < LEAST_TOKENS or parts.continues_thread or not sizes:
        return Makeup(
            total_tokens, Certainty.NONE, tuple(Share(what, size, None) for what, size in sizes.items())
        )
    return _split(sizes, total_tokens)


def added(before: bytes, after: bytes, parent_tokens: int, total_tokens: int) -> Makeup:
    """What a turn has more than its parent: the sum is exact, how it splits an estimate unless only one thing grew.

    A turn that has less, as after a compaction, has a negative sum and no shares.
    """
    delta = total_tokens - parent_tokens
    old, new = parts_of(before), parts_of(after)
    grown = _sizes(new) - _sizes(old)
    if delta <= 0 or not grown or old.continues_thread or new.continues_thread:
        return Makeup(delta, Certainty.EXACT if delta <= 0 else Certainty.NONE, ())
    return _split(grown, delta)


def tool_schemas(turn: UUID, found: Makeup) -> Finding | None:
    """The finding that a client ships many schemas of tools with each request."""
    tools = [share for share in found.shares if share.what.content == Content.TOOLS and share.tokens]
    of_servers = sorted((share for share in tools if share.what.server), key=_tokens, reverse=True)
    total = sum(map(_tokens, tools))
    if sum(map(_tokens, of_servers)) < MANY_OF_SERVERS and total < MANY_OF_ALL:
        return None
    names = ", ".join(
        f"{share.what.server} {round(_tokens(share), -2):,}" for share in of_servers[:_MOST_SERVERS]
    )
    sentence = (
        f"This client ships about {round(total, -2):,} tokens of tool schemas with each request, "
        f"{total / found.total_tokens:.0%} of this one, by the bytes of its tools."
    )
    return Finding(
        FindingKind.TOOL_SCHEMAS, (turn,), f"{sentence} Of MCP servers: {names}." if names else sentence
    )


def _tokens(share: Share) -> int:
    return share.tokens or 0


def _split(sizes: Counter[What], total: int) -> Makeup:
    plain = {what: size for what, size in sizes.items() if what.content not in _OPAQUE}
    opaque = {what: size for what, size in sizes.items() if what.content in _OPAQUE}
    if opaque or sum(plain.values()) < _LEAST_BYTES_PER_TOKEN * total:
        # Images are told apart only where they are all that bytes do not explain.
        rest = next(iter(opaque)) if len(opaque) == 1 else What(Content.REST)
        known = min(total, round(sum(plain.values()) / BYTES_PER_TOKEN))
        shares = [*_shares(plain, known), Share(rest, sum(opaque.values()), total - known)]
    else:
        shares = _shares(plain, total)
    return Makeup(total, Certainty.ESTIMATE if len(shares) > 1 else Certainty.EXACT, tuple(shares))


def _shares(sizes: dict[What, int], total: int) -> list[Share]:
    """Whole tokens that add up to the total: each border between two shares is rounded, not each share."""
    shares, seen, given, everything = [], 0, 0, sum(sizes.values())
    for what, size in sizes.items():
        seen += size
        until = round(total * seen / everything)
        shares.append(Share(what, size, until - given))
        given = until
    return shares


def _sizes(parts: Parts) -> Counter[What]:
    """Bytes by what they are, in the order of the prompt."""
    sizes: Counter[What] = Counter()
    for what, value in _values(parts):
        sizes[what] += len(encode(value))
    return sizes


def _values(parts: Parts) -> Iterator[tuple[What, object]]:
    loaded = _loaded(parts.messages) if parts.deferred_tools else set()
    for tool in (*parts.tools, *(tool for tool in parts.deferred_tools if name_of(tool) in loaded)):
        yield _of_tool(tool), tool
    for server in as_list(parts.settings.get("mcp_servers")):
        yield What(Content.REST), server
    for block in parts.system:
        yield What(Content.SYSTEM), block
    for message in parts.messages:
        in_system = role_of(message) == "system"
        for block in blocks_of(message):
            yield from [(What(Content.SYSTEM), block)] if in_system else _of_block(block)


def _of_tool(tool: object) -> What:
    """Of a tool of the API's own, or of a server by reference, the request holds a name only."""
    if type_of(tool) not in (None, "custom"):
        return What(Content.REST)
    name = name_of(tool)
    return What(Content.TOOLS, name.removeprefix(_MCP).partition("__")[0] if name.startswith(_MCP) else "")


def _of_block(block: object) -> Iterator[tuple[What, object]]:
    content = _OF_TYPE.get(str(type_of(block)), Content.REST)
    if content == Content.TOOL_RESULTS:
        for item in blocks_in(as_dict(block).get("content")):
            inner = _OF_TYPE.get(str(type_of(item)), Content.REST)
            yield What(Content.TOOL_RESULTS if inner == Content.HISTORY else inner), item
    else:
        yield What(content), block


def _loaded(messages: list[object]) -> set[str]:
    """The tools that were loaded on demand: a result of the search for tools names them."""
    blocks = (
        block for message in messages for block in blocks_of(message) if type_of(block) == "tool_result"
    )
    items = (item for block in blocks for item in blocks_of(block) if type_of(item) == "tool_reference")
    return {as_text(as_dict(item).get("tool_name")) or "" for item in items}
