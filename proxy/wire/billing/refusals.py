"""Attempts at an answer that a model declined, and which of them are billed.

Rules: https://docs.claude.com/en/docs/build-with-claude/refusals-and-fallback and the release notes of 2026-09-24. An attempt
that was refused before any output was free until then; since then it is free only where its category is not one of three.
An attempt that gave any output is billed for all of it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from proxy.wire.lenient import as_dict, as_list, as_text

REFUSED = "refusal"
# How an attempt ended, in place of a category: it was not refused or gave output; no category is named; not reported.
SERVED, NO_CATEGORY, NOT_REPORTED = "", "null", "?"

_BILLED_CATEGORIES = frozenset(("bio", "frontier_llm", "reasoning_extraction"))
_FREE_CATEGORIES = frozenset(("cyber", "general_harms", NO_CATEGORY))
_BILLED_SINCE = datetime(2026, 9, 24, tzinfo=UTC)
_LONGEST = 80
_MOST_HOPS = 20


class Hop(msgspec.Struct, frozen=True, array_like=True):
    """A model that declined, so that the next one went on: `refusal` is a category, NOT_REPORTED, or SERVED if it gave output."""

    model: str
    refusal: str


class Attempts(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the attempts at one answer ended: the last one's refusal, and the hops before it in their order."""

    refusal: str = SERVED
    hops: list[Hop] = []


ONE_ATTEMPT = Attempts()


def attempts_of(message: Mapping[str, object]) -> Attempts:
    """What the whole message of an answer tells of its attempts."""
    hops: list[Hop] = []
    output = False
    for item in as_list(message.get("content")):
        block = as_dict(item)
        if block.get("type") == "fallback":
            hops.append(_hop(block, output=output))
            output = False
        else:
            output = output or _is_output(block)
    refused = message.get("stop_reason") == REFUSED and not output
    refusal = _category(message.get("stop_details")) or NO_CATEGORY if refused else SERVED
    return Attempts(refusal, hops[:_MOST_HOPS]) if refused or hops else ONE_ATTEMPT


def is_free(refusal: str, at: datetime) -> bool | None:
    """Whether an attempt that ended so at the aware datetime `at` costs nothing; None where no rule says it."""
    if refusal == SERVED:
        return False
    if refusal in _FREE_CATEGORIES:
        return True
    if refusal in _BILLED_CATEGORIES:
        return at < _BILLED_SINCE
    return None


def _hop(block: Mapping[str, object], *, output: bool) -> Hop:
    model = as_text(as_dict(block.get("from")).get("model")) or ""
    return Hop(model[:_LONGEST], SERVED if output else _category(block.get("trigger")) or NOT_REPORTED)


def _category(details: object) -> str:
    return (as_text(as_dict(details).get("category")) or "")[:_LONGEST]


def _is_output(block: Mapping[str, object]) -> bool:
    """An empty text block was begun and never written to; any other block, as thinking that is not displayed, is output."""
    return block.get("type") != "text" or bool(block.get("text"))
