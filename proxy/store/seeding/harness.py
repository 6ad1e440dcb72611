"""What comes back to a model from its tools: results at once, and reports of sub-agents in a later message."""

import random
from collections.abc import Sequence

from proxy.store.seeding.prose import Json, words


def results(draw: random.Random, content: Sequence[Json]) -> tuple[list[Json], list[str]]:
    """A result for each call of a tool, and the sub-agents that were launched by it."""
    found: list[Json] = []
    launched: list[str] = []
    for call in content:
        if call["type"] != "tool_use":
            continue
        text = words(draw, 50)
        if call["name"] == "Agent":
            launched.append(f"a{draw.getrandbits(68):017x}")
            text = f"Agent launched in the background.\nagentId: {launched[-1]}"
        found.append({"type": "tool_result", "tool_use_id": call["id"], "content": text})
    return found, launched


def report(draw: random.Random, agent: str) -> Json:
    """A sub-agent's words, as Claude Code passes them on."""
    reported = (
        f"<task-notification><task-id>{agent}</task-id><result>{words(draw, 40)}</result></task-notification>"
    )
    note = "This is a notification of the harness, not input of the user."
    return {"type": "text", "text": f"<system-reminder>\n{note}\n{reported}\n</system-reminder>"}
