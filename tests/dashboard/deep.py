"""The request of a deep turn of an agent: 600 messages, nine megabytes, most of it results of tools."""

import json
import random
from typing import Any

MESSAGES, SIZE = 600, 9_000_000


def deep_request(messages: int = MESSAGES, size: int = SIZE) -> bytes:
    """Alternating calls and results after a first sentence; the last result is what is new. Words do not compress to nothing."""
    chance = random.Random(4)
    words = [f"{chance.getrandbits(40):x}" for _ in range(5_000)]
    steps = messages // 2
    count = size // steps // 11
    found: list[dict[str, Any]] = [{"role": "user", "content": "Fix the parser"}]
    for step in range(steps):
        used = {
            "type": "tool_use",
            "id": f"toolu_{step}",
            "name": "Bash",
            "input": {"command": f"pytest -x tests/{step}"},
        }
        given = {
            "type": "tool_result",
            "tool_use_id": used["id"],
            "content": " ".join(chance.choices(words, k=count)),
        }
        found.append({"role": "assistant", "content": [{"type": "text", "text": f"Step {step}"}, used]})
        found.append({"role": "user", "content": [given]})
    tools = [{"name": f"tool_{number}", "input_schema": {"type": "object"}} for number in range(40)]
    return json.dumps(
        {"model": "m", "system": "Be brief. " * 500, "tools": tools, "messages": found}
    ).encode()
