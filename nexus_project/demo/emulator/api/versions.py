"""What the API versions differ in (header `anthropic-version`): 2026-10-21 refuses what 2023-06-01 still takes."""

from collections.abc import Iterator

from nexus_project.demo.emulator.api.call import Json
from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.emulator.model.tokens import blocks_of
from nexus_project.demo.script import Script

STRICT_SINCE = "2026-10-21"
SAMPLING = ("temperature", "top_p", "top_k")


def check_version(version: str, request: Json) -> Script | None:
    """Return the 400 that a well-formed request gets under a version, None if it is taken."""
    if version < STRICT_SINCE:
        return None
    for name in SAMPLING:
        if name in request:
            return error(400, f"{name}: Not supported in API version {STRICT_SINCE}")
    return next((error(400, problem) for problem in _misplaced(request)), None)


def _misplaced(request: Json) -> Iterator[str]:
    for position, message in enumerate(request["messages"]):
        for index, block in enumerate(blocks_of(message.get("content"))):
            path = f"messages.{position}.content.{index}"
            match message.get("role"), block.get("type"):
                case "assistant", "document":
                    yield f"{path}: Document blocks are not allowed in assistant messages"
                case "user", "text" if block.get("citations"):
                    yield f"{path}.citations: Not allowed on text blocks of user messages"
