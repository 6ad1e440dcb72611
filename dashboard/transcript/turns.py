"""The turns of one exchange: its system prompt, the messages that were sent, and the answer."""

from dataclasses import dataclass, field, replace

from dashboard.transcript.blocks import Block, content_blocks, without_images
from dashboard.transcript.budget import Budget, name
from dashboard.transcript.news import last_run
from proxy.wire.lenient import as_dict, as_list, as_text, parse
from proxy.wire.messages import ResponseContent

MAX_TURNS = 300
MAX_TOOLS = 500
ROLES = {"user": "User", "assistant": "Assistant", "system": "System"}


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `number` counts from 1 and is its anchor."""

    number: int
    role: str
    blocks: list[Block]

    @property
    def name(self) -> str:
        if self.role == "user" and self.blocks and all(block.kind == "tool_result" for block in self.blocks):
            return "Tool results"
        return ROLES.get(self.role, self.role)


@dataclass(frozen=True, slots=True)
class Conversation:
    """`skipped` counts the oldest messages of a very long request, `tools_unnamed` the last of very many tools: the raw JSON
    has them."""

    system: list[Block] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    response: list[Block] = field(default_factory=list)
    skipped: int = 0
    error: str = ""
    tools_offered: list[str] = field(default_factory=list)
    tools_unnamed: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.turns or self.response or self.system or self.error)


def read(request: object, response: ResponseContent) -> Conversation:
    """Arrange a request body (parsed JSON, or None) and its answer. The newest are rendered first, as long as the budget lasts."""
    budget = Budget()
    body = as_dict(request)
    replied = content_blocks(as_dict(response.message).get("content"), budget)
    messages = [as_dict(item) for item in as_list(body.get("messages"))]
    skipped = max(0, len(messages) - MAX_TURNS)
    numbered = list(enumerate(messages, start=1))[skipped:]
    turns = [_turn(number, message, budget) for number, message in reversed(numbered)]
    tools = as_list(body.get("tools"))
    return Conversation(
        system=content_blocks(body.get("system"), budget),
        turns=turns[::-1],
        response=replied,
        skipped=skipped,
        error=budget.text(": ".join(part for part in (response.error_type, response.error_message) if part))[
            0
        ],
        tools_offered=[name(as_text(as_dict(tool).get("name")) or "?") for tool in tools[:MAX_TOOLS]],
        tools_unnamed=max(0, len(tools) - MAX_TOOLS),
    )


def new_blocks(request: bytes, response: ResponseContent) -> tuple[list[Turn], list[Block]]:
    """What a request brought after the last answer in it, and what came back, without images."""
    budget = Budget()
    replied = content_blocks(as_dict(response.message).get("content"), budget)
    asked = [
        _turn(number, {"role": message.role, "content": parse(bytes(message.content))}, budget)
        for number, message in enumerate(last_run(request), start=1)
    ]
    return [replace(turn, blocks=without_images(turn.blocks)) for turn in asked], without_images(replied)


def _turn(number: int, message: dict[str, object], budget: Budget) -> Turn:
    role = as_text(message.get("role")) or "unknown"
    return Turn(number, name(role), content_blocks(message.get("content"), budget))
