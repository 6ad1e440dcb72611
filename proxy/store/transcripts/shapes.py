"""What a transcript holds. Every text in it is masked; names in JSON are those of the API."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from proxy.metrics import Unit
from proxy.store.metric_fields import CONVERSATION, TURN, with_unit, without_unit
from proxy.store.transcripts.with_metrics import WithMetrics, with_metrics

VERSION = 1
# What is counted of a turn and of several, but for time and money.
COUNTS_OF_TURN = without_unit(TURN, Unit.MILLISECONDS, Unit.USD)
COUNTS = without_unit(CONVERSATION, Unit.REQUESTS, Unit.USD)
_FAILED = with_unit(CONVERSATION, Unit.REQUESTS)
_COST = with_unit(CONVERSATION, Unit.USD)


class _Block(msgspec.Struct, rename="camel", omit_defaults=True, tag_field="type"):
    """What stands in a message; a field that says nothing is absent."""


class Text(_Block, tag="text"):
    """`left_out` counts the characters that were cut off."""

    text: str
    left_out: int = 0


class Attachment(_Block, tag="attachment"):
    """In place of an image, a document, or a block that is none of the others: `kind` is its type, `name` what it is called."""

    kind: str
    size_bytes: int
    media_type: str = ""
    name: str = ""


class Result(_Block, tag="toolResult"):
    """What a tool gave back; `request_id` is the turn that brought it, and for server tools the one that called it."""

    tool_use_id: str
    request_id: UUID
    content: "list[Text | Attachment]"
    is_error: bool = False


class Call(_Block, tag="toolCall"):
    """A call of a tool, with its result and the agents that it started. `input` is any JSON."""

    tool: str
    tool_use_id: str
    input: Any
    result: Result | None = None
    agents: "list[Agent]" = []


Block = Text | Attachment | Call


@with_metrics(turns=_FAILED + _COST + COUNTS)
class Sums(WithMetrics):
    """Sums of turns. `cost` is exact, as decimal in a text; `cost_usd` the same as a number."""

    turns: int


@with_metrics(
    started_at=with_unit(TURN, Unit.MILLISECONDS), model=with_unit(TURN, Unit.USD), cost_state=COUNTS_OF_TURN
)
class TurnFacts(WithMetrics):
    """One exchange without its words. `number` counts all turns by time, from 1."""

    number: int
    request_id: UUID
    parent_id: UUID | None
    linked_by: str | None = msgspec.field(name="link")
    kind: str
    agent_id: str | None
    parent_agent_id: str | None
    branch: int
    retry_of: UUID | None
    started_at: datetime
    outcome: str
    status: int | None
    model: str
    cost_state: str
    error: str | None


class Turn(TurnFacts):
    """One exchange. `asked` is what a person said, `results` what tools gave back to calls that are not here.

    `missing` says why bodies are not here. A repeat, with `retry_of`, asks nothing new.
    """

    missing: str | None
    asked: list[Text | Attachment]
    results: list[Result]
    response: list[Block]

    def calls(self) -> list[Call]:
        """Those of its response."""
        return [block for block in self.response if isinstance(block, Call)]


class AgentFacts(msgspec.Struct, rename="camel"):
    """An agent and the sums of its own turns."""

    agent_id: str
    parent_agent_id: str | None
    agent_type: str | None
    sums: Sums


class Agent(AgentFacts):
    """An agent with its own turns alone; what it called stands in them."""

    turns: list[Turn]


@with_metrics(agents=_FAILED + _COST, cost_state=COUNTS)
class Summary(WithMetrics):
    """A conversation in sum, as `/api/conversations` has it. `title` is null where it is gone, or its key is missing."""

    conversation_id: UUID
    session_id: str | None
    domain: str
    title: str | None
    first_at: datetime
    last_at: datetime
    turns: int
    agents: int
    cost_state: str
    models: list[str]


class Transcript(msgspec.Struct, rename="camel"):
    """All of a conversation: the main line, agents whose call is not in it, and calls beside it all."""

    nexus_transcript: int
    conversation: Summary
    turns: list[Turn]
    agents: list[Agent]
    side_calls: list[Turn]
