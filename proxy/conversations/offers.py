"""What an answer offers to a conversation that begins later, and what one that begins claims: a call of an agent, or a summary."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.conversations.content import Hasher, Summary, plain_text

CALL, SUMMARY = "call", "summary"
# Claude Code's tools that start an agent; the second name is that of versions before 2.1.
AGENT_TOOLS = frozenset({"Agent", "Task"})
# A shorter text would be claimed by chance.
_SHORTEST_SUMMARY = 100
_COMPARED = 2000
_CONTINUES = "this session is being continued from a previous conversation"
_BEGINNINGS = ("the conversation is summarized below:", "summary:")
_ENDINGS = (
    "please continue the conversation",
    "if you need specific details from before compaction",
    "continue the conversation from where it left off",
)
_TAGS = re.compile(r"</?(?:analysis|summary)>", re.IGNORECASE)
_INSIDE = re.compile(r"<summary>(.*?)(?:</summary>|$)", re.IGNORECASE | re.DOTALL)
_REQUEST = re.compile(r"primary request and intent:?\W*(.*?)(?=\n[ \t]*\d+\.\s|$)", re.IGNORECASE | re.DOTALL)
_LABEL = re.compile(r"(?:^|(?<=\s))(?:analysis|summary):\s")


@dataclass(frozen=True, slots=True)
class NewOffer:
    """`kind` is CALL or SUMMARY; `tool_id` names the call."""

    kind: str
    key: bytes
    tool_id: str = ""


def offers_of(
    response: Summary,
    calls: Sequence[tuple[str, str]],
    asked: Sequence[Summary],
    hasher: Hasher,
    *,
    summarizes: bool,
) -> tuple[NewOffer, ...]:
    """A call for each agent's prompt; two summaries for an answer that may be one: all of it, and what its tags enclose."""
    offers = [NewOffer(CALL, _call_key(prompt, hasher), tool_id) for prompt, tool_id in calls]
    may_be = (
        summarizes or "<summary>" in response.text.lower() or any("summar" in m.text.lower() for m in asked)
    )
    if may_be and not response.calls:
        inside = _INSIDE.search(response.text)
        texts = [response.text, *([inside[1]] if inside else [])]
        keys = {_summary_key(text, hasher): None for text in texts if len(text) >= _SHORTEST_SUMMARY}
        offers += [NewOffer(SUMMARY, key) for key in keys]
    return tuple(offers)


def claim_of(opening: str, hasher: Hasher) -> bytes | None:
    """What a conversation goes on from that begins with the text `opening`; None where that is empty."""
    lowered = opening.lower()
    if _CONTINUES in lowered:
        return _summary_key(_summary_in(lowered), hasher)
    return _call_key(opening, hasher) if opening else None


def asked_in(opening: str) -> str:
    """What a person asked for, of the text that a conversation begins with: "" of a summary that does not say it."""
    if not opening[: 2 * len(_CONTINUES)].lstrip().lower().startswith(_CONTINUES):
        return opening
    found = _REQUEST.search(opening)
    return found[1] if found else ""


def _summary_in(lowered: str) -> str:
    """The summary in the message with which a session is continued."""
    first = lowered.find(_CONTINUES)
    begins = (at + len(begin) for begin in _BEGINNINGS if (at := lowered.find(begin, first)) >= 0)
    # Without such words it is what follows the first sentence.
    start = next(begins, lowered.find(".", first) + 1)
    ends = [at for ending in _ENDINGS if (at := lowered.find(ending, start)) >= 0]
    return lowered[start : min(ends, default=len(lowered))]


def _call_key(prompt: str, hasher: Hasher) -> bytes:
    return hasher("offered call", plain_text(prompt).encode("utf-8", "replace"))


def _summary_key(text: str, hasher: Hasher) -> bytes:
    plain = " ".join(_LABEL.sub(" ", _TAGS.sub(" ", text.lower())).split()).rstrip(". ")
    return hasher("offered summary", plain[:_COMPARED].rstrip(". ").encode("utf-8", "replace"))
