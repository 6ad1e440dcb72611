"""The turns of one exchange: its system prompt, the messages that were sent, and the answer."""

from dataclasses import dataclass, field, replace
from itertools import takewhile

from dashboard.transcript.blocks import Block, content_blocks, without_images
from dashboard.transcript.budget import Budget, name
from dashboard.transcript.news import Call, calls_of, last_run
from dashboard.transcript.previews import ROLES, Line, lines
from proxy.wire.lenient import as_dict, as_list, as_text, parse
from proxy.wire.messages import ResponseContent

MAX_TURNS = 300
# Of what came before, at a time.
MAX_LINES = 150
MAX_TOOLS = 500


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
    """`turns` are new: what follows the last answer in the request. `history` is what comes before, as far as it was read.

    `earlier` counts all that comes before, `skipped` the oldest messages of a very long request, `tools_unnamed` the last of very
    many tools: the raw JSON has them. `is_folded` says that history, system prompt and tools were left out, to be read on demand.
    """

    system: list[Block] = field(default_factory=list)
    history: list[Turn] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    response: list[Block] = field(default_factory=list)
    earlier: int = 0
    skipped: int = 0
    error: str = ""
    tools_offered: list[str] = field(default_factory=list)
    tools_unnamed: int = 0
    is_folded: bool = False
    previews: list[Line] = field(default_factory=list)

    @property
    def before(self) -> int:
        """How many messages come before `history`."""
        return self.skipped

    @property
    def lines(self) -> list[tuple[Line, list[Block]]]:
        """Each message of `history` in a line, with all of it beside."""
        return list(zip(self.previews, (turn.blocks for turn in self.history), strict=True))

    @property
    def is_empty(self) -> bool:
        return not (self.turns or self.history or self.response or self.system or self.error)


def read(request: object, response: ResponseContent, *, folds: bool = False) -> Conversation:
    """Arrange a request body (parsed JSON, or None) and its answer. The newest are rendered first, as long as the budget lasts."""
    budget = Budget()
    body = as_dict(request)
    replied = content_blocks(as_dict(response.message).get("content"), budget)
    messages = [as_dict(item) for item in as_list(body.get("messages"))]
    begin, skipped = _begin(messages), max(0, len(messages) - MAX_TURNS)
    numbered = list(enumerate(messages, start=1))
    calls = _calls(messages[:begin])
    new = [_labelled(turn, calls) for turn in _turns(numbered[max(begin, skipped) :], budget)]
    tools = as_list(body.get("tools"))
    error = ": ".join(part for part in (response.error_type, response.error_message) if part)
    shown = Conversation(
        turns=new,
        response=replied,
        earlier=begin,
        error=budget.text(error)[0],
        tools_unnamed=len(tools),
        is_folded=folds,
    )
    if folds:
        return shown
    return replace(
        shown,
        history=_turns(numbered[skipped:begin], budget),
        previews=lines(messages, skipped, begin),
        system=content_blocks(body.get("system"), budget),
        skipped=skipped,
        tools_offered=_offered(tools),
        tools_unnamed=max(0, len(tools) - MAX_TOOLS),
    )


@dataclass(frozen=True, slots=True)
class Earlier:
    """A stretch of the history of a large request, each message in a line; `before` counts those that come before it.

    The newest stretch has the system prompt and the tools as well.
    """

    lines: list[tuple[Line, list[Block]]]
    before: int
    system: list[Block] = field(default_factory=list)
    tools_offered: list[str] = field(default_factory=list)
    tools_unnamed: int = 0


def earlier(request: object, until: int = 0) -> Earlier:
    """The last messages before number `until` + 1, without it those before what is new. Their blocks are left out."""
    body = as_dict(request)
    messages = [as_dict(item) for item in as_list(body.get("messages"))]
    end = min(until, len(messages)) if until else _begin(messages)
    first = max(0, end - MAX_LINES)
    found: list[tuple[Line, list[Block]]] = [(line, []) for line in lines(messages, first, end)]
    if until:
        return Earlier(found, first)
    tools = as_list(body.get("tools"))
    system = content_blocks(body.get("system"), Budget())
    return Earlier(found, first, system, _offered(tools), max(0, len(tools) - MAX_TOOLS))


def blocks_of(request: object, number: int) -> list[Block]:
    """All of the message of this number, [] where there is none."""
    messages = [as_dict(item) for item in as_list(as_dict(request).get("messages"))]
    if not 0 < number <= len(messages):
        return []
    calls = _calls(messages[: number - 1])
    return _labelled(_turn(number, messages[number - 1], Budget()), calls).blocks


def _offered(tools: list[object]) -> list[str]:
    return [name(as_text(as_dict(tool).get("name")) or "?") for tool in tools[:MAX_TOOLS]]


def _begin(messages: list[dict[str, object]]) -> int:
    """Where the messages after the last answer begin; what a client begins of the next answer belongs to them."""
    at = len(messages)
    while at and messages[at - 1].get("role") == "assistant":
        at -= 1
    while at and messages[at - 1].get("role") != "assistant":
        at -= 1
    return at


def _calls(messages: list[dict[str, object]]) -> dict[str, Call]:
    """Those of the last answer among these messages, by their ids."""
    run = takewhile(lambda message: message.get("role") == "assistant", reversed(messages))
    return {call.id: call for message in run for call in calls_of(message.get("content"))}


def _labelled(turn: Turn, calls: dict[str, Call]) -> Turn:
    """With the call that each result belongs to."""
    blocks = [
        replace(block, title=f"{block.title} of {call.name}", note=call.preview)
        if block.kind == "tool_result" and (call := calls.get(block.note))
        else block
        for block in turn.blocks
    ]
    return replace(turn, blocks=blocks)


def _turns(numbered: list[tuple[int, dict[str, object]]], budget: Budget) -> list[Turn]:
    return [_turn(number, message, budget) for number, message in reversed(numbered)][::-1]


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
