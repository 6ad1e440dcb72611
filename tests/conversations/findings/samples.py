"""A made-up request of an agent, small enough to read, that tests change in one place at a time."""

import json
from typing import Any

MARK = {"cache_control": {"type": "ephemeral"}}
HOUR_MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}}


def text(words: str, **more: object) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def tool(name: str, **more: object) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}}}
    return {
        "name": name,
        "description": f"{name} does what it is called. " * 20,
        "input_schema": schema,
        **more,
    }


def user(*blocks: object) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: object) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def call(number: int, name: str = "Read", **given: object) -> dict[str, Any]:
    return {
        "type": "tool_use",
        "id": f"toolu_{number}",
        "name": name,
        "input": given or {"path": f"/a/{number}"},
    }


def result(number: int, content: object = None, **more: object) -> dict[str, Any]:
    content = f"Line {number} of a file. " * 40 if content is None else content
    return {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": content, **more}


def request(turns: int = 4, **more: object) -> dict[str, Any]:
    """A request after so many calls of a tool; marks on the system prompt and on the last block."""
    messages = [user(text("Please look at the project."))]
    for number in range(turns):
        messages += [assistant(call(number)), user(result(number))]
    messages[-1]["content"][-1] |= MARK
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 32_000,
        "tools": [tool("Bash"), tool("Edit"), tool("Read")],
        "system": [text("You are an agent."), text("Be careful and exact. " * 50, **MARK)],
        "messages": messages,
        "stream": True,
        **more,
    }


def body(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()
