"""Why a cached prefix was not read again, and what to do about it, in words for people."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """All causes that are told apart; stored and shown in the API by these words."""

    MODEL = "model changed"
    TOOL_ADDED = "tool added"
    TOOL_REMOVED = "tool removed"
    TOOL_CHANGED = "tool changed"
    TOOLS_REORDERED = "tools reordered"
    SPEED = "speed changed"
    SYSTEM = "system prompt changed"
    TOOL_CHOICE = "tool_choice changed"
    THINKING = "thinking changed"
    HISTORY = "history rewritten"
    IMAGES = "images added or removed"
    NO_MARK = "no cache mark"
    EXPIRED_5M = "older than 5 minutes"
    EXPIRED_1H = "older than 1 hour"
    MARK_MOVED_BACK = "cache mark moved back"
    MARKS_TOO_FAR = "20 blocks or more between cache marks"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Advice:
    """Two sentences: what happened, what to do."""

    happened: str
    to_do: str


ADVICE = {
    Cause.MODEL: Advice(
        "Another model answered than in the turn before, and each model has a cache of its own.",
        "Choose the model at the beginning of a session, or after a compaction, when there is little to read again.",
    ),
    Cause.TOOL_ADDED: Advice(
        "A tool was added; tools come first in the prompt, so nothing behind it was read from the cache.",
        "Connect MCP servers before the first turn, or load tools on demand (ENABLE_TOOL_SEARCH=true, defer_loading).",
    ),
    Cause.TOOL_REMOVED: Advice(
        "A tool was taken away; tools come first in the prompt, so nothing behind it was read from the cache.",
        "Keep the tools of a session as they are and refuse a call instead; see whether an MCP server lost its connection.",
    ),
    Cause.TOOL_CHANGED: Advice(
        "The description or the schema of a tool changed.",
        "Keep dates, counts and the state of things out of descriptions, and write the members of schemas in one order.",
    ),
    Cause.TOOLS_REORDERED: Advice(
        "The same tools came in another order.",
        "Let the client sort its tools by name before it sends them.",
    ),
    Cause.SPEED: Advice(
        "The speed of answers was switched, and fast answers have a cache of their own.",
        "Switch fast mode at the beginning of a session, not in between.",
    ),
    Cause.SYSTEM: Advice(
        "The system prompt changed, and all messages come behind it.",
        "Move what changes, such as the time or the state of files, into the newest message. Where it is Claude Code's line "
        "x-anthropic-billing-header, set CLAUDE_CODE_ATTRIBUTION_HEADER=0.",
    ),
    Cause.TOOL_CHOICE: Advice(
        "tool_choice changed: tools and system were read from the cache, the messages were not.",
        "Leave tool_choice as it is within a session and say in the newest message which tool is wanted.",
    ),
    Cause.THINKING: Advice(
        "The settings of thinking changed: tools and system were read from the cache, the messages were not.",
        "Keep thinking and its budget as they are within a session.",
    ),
    Cause.HISTORY: Advice(
        "The client changed what it had sent before; from there on everything was written again.",
        "Let the client only append to its messages; where it cuts old results, let it cut many at once, rarely.",
    ),
    Cause.IMAGES: Advice(
        "The first image came into the prompt, or the last one left it: the messages were not read from the cache.",
        "Show images early in a session, or let a sub-agent look at them.",
    ),
    Cause.NO_MARK: Advice(
        "The request asked for no caching (cache_control), while the turn before did.",
        "Let the client set cache_control on the last message of each request, or on the request as a whole.",
    ),
    Cause.EXPIRED_5M: Advice(
        "More than 5 minutes went by, and the API keeps what it cached for 5 minutes after it was last used.",
        'Ask for an hour (cache_control with "ttl": "1h") where people or slow tools take longer than 5 minutes.',
    ),
    Cause.EXPIRED_1H: Advice(
        "More than an hour went by, and the API keeps what it cached for an hour at most.",
        "Compact a session before a long break, or begin a new one after it.",
    ),
    Cause.MARK_MOVED_BACK: Advice(
        "The last cache mark stands before the one of the turn before, so that what is behind it was not read.",
        "Let the client set its last mark on the newest message.",
    ),
    Cause.MARKS_TOO_FAR: Advice(
        "From a cache mark the API looks back 20 blocks, and what it had cached lies further back.",
        "Let the client set one more mark where a turn adds many blocks, such as the results of parallel calls.",
    ),
    Cause.UNKNOWN: Advice(
        "The requests show no reason; the API may have dropped what it cached, or the first turn was not yet cached.",
        "Ask the API for its reason (diagnostics.previous_message_id) if it happens often.",
    ),
}
