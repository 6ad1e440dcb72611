"""Conversations in the API: their shapes, and what fills them."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ninja import Field

from accounts.secrets.masking import mask_text
from dashboard.api.bill import decimal
from dashboard.api.camel import CamelSchema
from dashboard.api.schemas import Pagination
from dashboard.queries import conversations
from proxy.conversations.tree import Agent, Place
from proxy.store.conversations.loading import Loaded
from proxy.store.models import Conversation, Exchange


class ConversationFigures(CamelSchema):
    """What a conversation is in sum. `title` is body content: null for who may not read bodies, and once nobody has it."""

    conversation_id: UUID
    session_id: str | None
    domain: str
    title: str | None
    first_at: datetime
    last_at: datetime
    failed: int
    cost_usd: float
    cost: str = Field(description="The same as an exact decimal")
    cost_state: str
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
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
    duration_ms: int
    outcome: str
    model: str
    cost_usd: float | None
    cost: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_input_tokens: int | None
    cache_creation_input_tokens: int | None


class ToolCallPlace(CamelSchema):
    """The call of an agent; `toolUseId` is null where only its messages tell who called it."""

    request_id: UUID
    tool_use_id: str | None


class ConversationAgent(CamelSchema):
    """An agent other than the main one, with its own turns alone."""

    agent_id: str
    parent_agent_id: str | None
    spawned_by: ToolCallPlace | None
    turns: int
    cost_usd: float
    cost: str


class ConversationDetails(ConversationFigures):
    """All of a conversation: its turns in order, and its agents in the order of their first ones."""

    turns: list[ConversationTurn]
    agents: list[ConversationAgent]


def summary(row: Conversation, *, with_title: bool) -> ConversationSummary:
    """One line."""
    return ConversationSummary(
        **_figures(row, with_title=with_title),
        turns=row.turns,
        agents=len(row.agents),
        first_message_time=row.first_at,
        last_message_time=row.last_at,
        message_count=row.turns,
        total_tokens=row.input_tokens + row.output_tokens,
        models_used=row.model_names,
        latest_request_id=row.last_id,
    )


def details(found: Loaded, *, with_title: bool) -> ConversationDetails:
    """All of it."""
    return ConversationDetails(
        **_figures(found.conversation, with_title=with_title),
        turns=[_turn(place, found.exchanges[place.id]) for place in found.tree.places],
        agents=list(_agents(found)),
    )


def links(found: Loaded | None, exchange: Exchange) -> dict[str, Any]:
    """Where an exchange stands in its conversation, as fields of its details."""
    places = (place for place in found.tree.places if place.id == exchange.id) if found else iter(())
    place = next(places, None)
    return {
        "conversation_id": found.conversation.id if found else None,
        "parent_id": place.parent if place else None,
        "agent_id": (place.agent_id if place else exchange.agent_id) or None,
        "parent_agent_id": (place.parent_agent_id if place else exchange.parent_agent_id) or None,
    }


def _figures(row: Conversation, *, with_title: bool) -> dict[str, Any]:
    return {
        "conversation_id": row.id,
        "session_id": row.session_id or None,
        "domain": row.domain,
        "title": (conversations.title(row) or None) if with_title else None,
        "first_at": row.first_at,
        "last_at": row.last_at,
        "failed": row.failed,
        **_cost(row.cost_usd),
        "cost_state": conversations.cost_state(row),
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cache_read_input_tokens": row.cache_read_tokens,
        "cache_creation_input_tokens": row.cache_write_tokens,
        "models": row.model_names,
        "person": mask_text(row.person) or None,
        "client_key": row.client_key or None,
        "latest_model": row.last_model,
        "latest_context_tokens": row.last_context,
    }


def _turn(place: Place, row: Exchange) -> ConversationTurn:
    return ConversationTurn(
        request_id=place.id,
        parent_id=place.parent,
        linked_by=place.found_by,
        kind=place.kind,
        agent_id=place.agent_id or None,
        parent_agent_id=place.parent_agent_id or None,
        branch=place.branch,
        retry_of=place.retry_of,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
        outcome=row.outcome,
        model=row.model,
        **_cost(row.cost_usd),
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_input_tokens=row.cache_read_tokens,
        cache_creation_input_tokens=row.cache_write_tokens,
    )


def _agents(found: Loaded) -> Iterator[ConversationAgent]:
    turns: Counter[str] = Counter()
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for place in found.tree.places:
        turns[place.agent_id] += 1
        costs[place.agent_id] += found.exchanges[place.id].cost_usd or 0
    for agent in found.tree.agents:
        yield ConversationAgent(
            agent_id=agent.id,
            parent_agent_id=agent.parent_id or None,
            spawned_by=_spawned_by(agent),
            turns=turns[agent.id],
            **_cost(costs[agent.id]),
        )


def _spawned_by(agent: Agent) -> ToolCallPlace | None:
    if agent.called_by is None:
        return None
    return ToolCallPlace(request_id=agent.called_by, tool_use_id=agent.tool_id or None)


def _cost(cost: Decimal | None) -> dict[str, Any]:
    return {"cost_usd": None if cost is None else float(cost), "cost": decimal(cost)}
