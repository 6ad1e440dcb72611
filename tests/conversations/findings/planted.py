"""Reasons for which a cache breaks, each planted in an otherwise clean pair of requests."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from proxy.conversations.findings.cache_breaks import TurnUsage
from proxy.conversations.findings.cause_words import Cause
from tests.conversations.findings.samples import IMAGE, MARK, tool, user

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
PARENT = TurnUsage("claude-opus-5-5", AT, 5, 60_000, 40_000)
TURN = TurnUsage("claude-opus-5-5", AT + timedelta(minutes=1), 5, 0, 101_000)


@dataclass
class Pair:
    """Two requests of one conversation and the usage of their turns; `plant` changes one thing of the second or both."""

    before: dict[str, Any]
    after: dict[str, Any]
    parent: TurnUsage = PARENT
    turn: TurnUsage = TURN


def pair_of(before: dict[str, Any], after: dict[str, Any]) -> Pair:
    return Pair(copy.deepcopy(before), copy.deepcopy(after))


def model(pair: Pair) -> None:
    pair.turn = replace(pair.turn, model="claude-haiku-5-5")


def tool_added(pair: Pair) -> None:
    pair.after["tools"].insert(1, tool("mcp__wiki__search"))


def tool_removed(pair: Pair) -> None:
    del pair.after["tools"][1]


def tool_changed(pair: Pair) -> None:
    pair.after["tools"][1]["description"] = "Now another one."


def tools_reordered(pair: Pair) -> None:
    pair.after["tools"][:3] = pair.after["tools"][2::-1]


def speed(pair: Pair) -> None:
    pair.turn = replace(pair.turn, speed="fast")


def system(pair: Pair) -> None:
    pair.after["system"][1]["text"] += "It is 9:41."


def tool_choice(pair: Pair) -> None:
    pair.after["tool_choice"] = {"type": "any"}


def thinking(pair: Pair) -> None:
    pair.after["thinking"] = {"type": "enabled", "budget_tokens": 9000}


def history(pair: Pair) -> None:
    pair.after["messages"][2]["content"][0] = {"type": "text", "text": "[old result cleared]"}


def images(pair: Pair) -> None:
    for request in (pair.before, pair.after):
        for message in request["messages"]:
            message["content"] = [block for block in message["content"] if "image" not in str(block)[:200]]
    pair.after["messages"][-1]["content"].append(IMAGE)


def no_mark(pair: Pair) -> None:
    for block in (*pair.after["tools"], *pair.after["system"], *blocks(pair.after)):
        block.pop("cache_control", None)


def older_than_5_minutes(pair: Pair) -> None:
    pair.turn = replace(pair.turn, started_at=AT + timedelta(minutes=5, seconds=1))


def older_than_an_hour(pair: Pair) -> None:
    pair.parent = replace(pair.parent, cache_write_1h_tokens=40_000)
    pair.turn = replace(pair.turn, started_at=AT + timedelta(hours=1, seconds=1))


def mark_moved_back(pair: Pair) -> None:
    for block in blocks(pair.after):
        block.pop("cache_control", None)
    pair.after["messages"][0]["content"][0].update(MARK)


def marks_too_far(pair: Pair) -> None:
    marked = pair.after["messages"][-1]["content"][-1]
    marked.pop("cache_control", None)
    more = [{"type": "text", "text": f"Result {number}"} for number in range(20)]
    pair.after["messages"].append(user(*more, {"type": "text", "text": "Go on", **MARK}))


def blocks(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        block for message in request["messages"] for block in message["content"] if isinstance(block, dict)
    ]


# What is planted, the cause, and where it must be said to be ("…" is any place).
PLANTED: list[tuple[Callable[[Pair], None], Cause, str]] = [
    (model, Cause.MODEL, ""),
    (tool_added, Cause.TOOL_ADDED, "tool mcp__wiki__search"),
    (tool_removed, Cause.TOOL_REMOVED, "…"),
    (tool_changed, Cause.TOOL_CHANGED, "…"),
    (tools_reordered, Cause.TOOLS_REORDERED, "…"),
    (speed, Cause.SPEED, ""),
    (system, Cause.SYSTEM, "system block 1"),
    (tool_choice, Cause.TOOL_CHOICE, ""),
    (thinking, Cause.THINKING, ""),
    (history, Cause.HISTORY, "message 2, block 0"),
    (images, Cause.IMAGES, ""),
    (no_mark, Cause.NO_MARK, ""),
    (older_than_5_minutes, Cause.EXPIRED_5M, ""),
    (older_than_an_hour, Cause.EXPIRED_1H, ""),
    (mark_moved_back, Cause.MARK_MOVED_BACK, ""),
    (marks_too_far, Cause.MARKS_TOO_FAR, ""),
    (lambda pair: None, Cause.UNKNOWN, ""),
]
NAMES = [cause.name.lower() for _, cause, _ in PLANTED]
