"""The shapes of conversations."""

from datetime import datetime
from uuid import UUID

from ninja import Field

from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.metrics import EXACT, with_metrics
from dashboard.api.shapes.pages import Pagination
from proxy.metrics import Unit
from proxy.store.metric_fields import CONVERSATION, TURN, with_unit, without_unit

_FAILED = with_unit(CONVERSATION, Unit.REQUESTS)
# Of an agent, its cost alone.
AGENT = with_unit(CONVERSATION, Unit.USD)
_COUNTS = without_unit(CONVERSATION, Unit.REQUESTS, Unit.USD)


@with_metrics(last_at=_FAILED + AGENT, cost_state=_COUNTS, exact=EXACT)
class ConversationFigures(CamelSchema):
    """What a conversation is in sum. `title` is body content: null for who may not read bodies, and once nobody has it."""

    conversation_id: UUID
    session_id: str | None
    domain: str
    title: str | None
    first_at: datetime
    last_at: datetime
    cost_state: str
    models: list[str] = Field(description="The first 50 by name")
    person: str | None
    client_key: str | None
    latest_model: str
    latest_context_tokens: int = Field(description="The input of the last turn, from the cache or not")


class ConversationSummary(ConversationFigures):
    """One line of the list, with the predecessor's names for some of it."""

    turns: int
    agents: int = Field(description="Those that the client names, at most 500")
    first_message_time: datetime
    last_message_time: datetime
    message_count: int = Field(description="As `turns`")
    total_tokens: int = Field(description="Input and output")
    models_used: list[str]
    latest_request_id: UUID


class ConversationPagination(Pagination):
    """`nextBefore` goes on in the same sort at any depth. `total` is null: nothing counts conversations by filter."""

    next_before: str | None  # type: ignore[assignment]  # a value of the sort and an id


class ConversationList(CamelSchema):
    conversations: list[ConversationSummary]
    pagination: ConversationPagination


@with_metrics(
    started_at=with_unit(TURN, Unit.MILLISECONDS),
    model=with_unit(TURN, Unit.USD) + without_unit(TURN, Unit.USD, Unit.MILLISECONDS),
)
class ConversationTurn(CamelSchema):
    """One turn, in the order of `turns` by its time. Counts are null where they are not known."""

    request_id: UUID
    parent_id: UUID | None = Field(
        description="The turn whose answer it goes on from; may be one of another conversation"
    )
    linked_by: str | None = Field(
        serialization_alias="link",
        description="answer, prefix, thread, gap, compaction or agent; null without a parent",
    )
    kind: str = Field(description="main, agent, side or compaction")
    agent_id: str | None = Field(description="null for the main agent")
    parent_agent_id: str | None
    branch: int = Field(description="0 is the line that was gone on with, among the turns of its agent")
    retry_of: UUID | None = Field(description="The first turn that asked the same")
    started_at: datetime
    outcome: str
    model: str


class ToolCallPlace(CamelSchema):
    """The call of an agent; `toolUseId` is null where only its messages tell who called it."""

    request_id: UUID
    tool_use_id: str | None


@with_metrics(turns=AGENT)
class ConversationAgent(CamelSchema):
    """An agent other than the main one, with its own turns alone."""

    agent_id: str
    parent_agent_id: str | None
    spawned_by: ToolCallPlace | None
    turns: int


class ConversationDetails(ConversationFigures):
    """All of a conversation: its turns in order, and its agents in the order of their first ones."""

    turns: list[ConversationTurn]
    agents: list[ConversationAgent]
