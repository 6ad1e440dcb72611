"""A finding: something in a conversation that a person may want to change, with the turns that show it."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class FindingKind(StrEnum):
    """All kinds; stored and shown in the API by these words."""

    REPEATED_CALL = "repeated call"
    REPEATED_ERROR = "repeated error"
    RETRIES = "retries"
    CUT_ANSWERS = "cut answers"
    SLOW_TOOL = "slow tool"
    TOOL_SCHEMAS = "tool schemas"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in which turns, oldest first; `sentence` says how, and holds no word of people but names of tools."""

    kind: FindingKind
    turns: tuple[UUID, ...]
    sentence: str


MEANS = {
    FindingKind.REPEATED_CALL: "The same tool was called with the same input and the same result, in a row.",
    FindingKind.REPEATED_ERROR: "The same error came back from tools again and again.",
    FindingKind.RETRIES: "One request was sent again and again.",
    FindingKind.CUT_ANSWERS: "Answers ended because they had reached max_tokens.",
    FindingKind.SLOW_TOOL: "A tool took two minutes or longer.",
    FindingKind.TOOL_SCHEMAS: "A client ships many tokens of tools with each request.",
}
TO_DO = {
    FindingKind.REPEATED_CALL: "Read the turns: tell the agent what it misses, or let a hook refuse the call that it repeats.",
    FindingKind.REPEATED_ERROR: "Read the error: most often a permission, a path or a limit that the agent cannot change itself.",
    FindingKind.RETRIES: "See what upstream answered; each attempt that was answered is billed.",
    FindingKind.CUT_ANSWERS: "Raise max_tokens (CLAUDE_CODE_MAX_OUTPUT_TOKENS in Claude Code) or ask for shorter answers.",
    FindingKind.SLOW_TOOL: "Run long commands in the background, or cache for an hour: a cache of 5 minutes may expire meanwhile.",
    FindingKind.TOOL_SCHEMAS: (
        "Load tools when they are needed: ENABLE_TOOL_SEARCH=true in Claude Code (docs/claude-code.md), defer_loading elsewhere; "
        "or disconnect MCP servers that nobody uses."
    ),
}
