"""The parts of a request in the order in which the API caches them: tools, system, messages. A body may hold them in any other.

Format: the body of `POST /v1/messages`, https://docs.claude.com/en/docs/build-with-claude/prompt-caching.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from proxy.wire.lenient import as_dict, as_list, as_text, parse

MARK = "cache_control"
_MARK_IN_JSON = b'"cache_control"'
# A session of 2,000 turns has half of it. To compare two such requests that have nothing in common takes a second.
MOST_BLOCKS = 20_000
encode = msgspec.json.encode


class Part(StrEnum):
    """Where something stands in a request; settings are all members that have no part of their own.

    Tools that are loaded on demand are part of `tools` in a body, but of no cached prefix.
    """

    SETTINGS = "settings"
    TOOLS = "tools"
    SYSTEM = "system"
    MESSAGES = "messages"
    DEFERRED_TOOLS = "deferred tools"


@dataclass(frozen=True, slots=True)
class Parts:
    """A request taken apart; what is missing or of a wrong kind is empty, and all of it if it has more than MOST_BLOCKS.

    `continues_thread` says that messages are only the new ones and that tools and system were left out.
    """

    settings: Mapping[str, object]
    tools: list[object]
    deferred_tools: list[object]
    system: list[object]
    messages: list[object]
    continues_thread: bool


def parts_of(body: bytes) -> Parts:
    """The parts of a decoded body. Never raises."""
    fields = as_dict(parse(body))
    if _is_too_long(fields):
        fields = {}
    tools = as_list(fields.pop("tools", None))
    return Parts(
        tools=[tool for tool in tools if not _is_deferred(tool)],
        deferred_tools=[tool for tool in tools if _is_deferred(tool)],
        system=blocks_in(fields.pop("system", None)),
        messages=as_list(fields.pop("messages", None)),
        continues_thread=as_dict(fields.get("thread")).get("type") == "continue",
        settings=fields,
    )


def _is_too_long(fields: dict[str, object]) -> bool:
    messages = as_list(fields.get("messages"))
    others = sum(len(as_list(fields.get(name))) for name in ("tools", "system"))
    return others + sum(len(blocks_of(message)) or 1 for message in messages) > MOST_BLOCKS


def blocks_in(content: object) -> list[object]:
    """The blocks of a message's content or of the system prompt; text alone is one block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else as_list(content)


def blocks_of(message: object) -> list[object]:
    return blocks_in(message.get("content")) if isinstance(message, dict) else []


def role_of(message: object) -> str:
    return as_text(as_dict(message).get("role")) or ""


def type_of(block: object) -> object:
    return block.get("type") if isinstance(block, dict) else None


def name_of(tool: object) -> str:
    """What a tool is called; a set of tools is called as its server, what has no name as its type."""
    fields = as_dict(tool)
    names = (as_text(fields.get(member)) for member in ("name", "mcp_server_name", "type"))
    return next(filter(None, names), "")


def identity(block: object) -> bytes:
    """Bytes that are equal for what the API caches as equal: marks and the order of a block's own members do not count.

    The order inside of a tool's input or schema does: some clients write it anew each time, and lose the cache by it.
    """
    if not isinstance(block, dict):
        return encode(block)
    encoded = encode(dict(sorted(block.items())))
    return encode(dict(sorted(without_marks(block).items()))) if _MARK_IN_JSON in encoded else encoded


def message_identity(message: object) -> bytes:
    """Bytes that are equal for equal messages but for their marks. Different ones may still hold nothing but equal blocks."""
    encoded = encode(message)
    content = as_dict(message).get("content")
    if isinstance(content, list) and _MARK_IN_JSON not in encoded:
        return encoded
    blocks = [without_marks(block) if isinstance(block, dict) else block for block in blocks_in(content)]
    return encode({**as_dict(message), "content": blocks})


def without_marks(block: dict[str, object]) -> dict[str, object]:
    """A block without its cache mark and those of the blocks in a tool's result."""
    bare = {name: value for name, value in block.items() if name != MARK}
    if block.get("type") == "tool_result" and isinstance(block.get("content"), list):
        inner = as_list(block["content"])
        bare["content"] = [without_marks(item) if isinstance(item, dict) else item for item in inner]
    return bare


def mark_of(block: object) -> dict[str, object]:
    """The cache mark of a block, or of the last marked one in a tool's result; empty if there is none."""
    if not isinstance(block, dict):
        return {}
    inner = block.get("content") if block.get("type") == "tool_result" else None
    if MARK in block or not isinstance(inner, list):
        return as_dict(block.get(MARK))
    return next(filter(None, (as_dict(as_dict(item).get(MARK)) for item in reversed(inner))), {})


def _is_deferred(tool: object) -> bool:
    return as_dict(tool).get("defer_loading") is True
