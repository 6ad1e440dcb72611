"""From stored conversations to their shapes."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from accounts.secrets.masking import mask_text
from dashboard.api.resources.conversations.schemas import (
    AGENT,
    ConversationAgent,
    ConversationDetails,
    ConversationSummary,
    ConversationTurn,
    ToolCallPlace,
)
from dashboard.queries import conversations
from proxy.conversations.tree import Agent, Place
from proxy.metrics import DERIVED
from proxy.store.conversations.loading import Loaded
from proxy.store.conversations.sums import totals
from proxy.store.metric_fields import CONVERSATION, TURN, values
from proxy.store.models import Conversation, Exchange


def summary(row: Conversation, *, with_title: bool) -> ConversationSummary:
    """One line."""
    return ConversationSummary(
        **_figures(row, with_title=with_title),
        turns=row.turns,
        agents=len(row.agents),
        first_message_time=row.first_at,
        last_message_time=row.last_at,
        message_count=row.turns,
        total_tokens=int(DERIVED["total_tokens"].of(row)),
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


def _figures(row: Conversation, *, with_title: bool) -> dict[str, Any]:
    return {
        "conversation_id": row.id,
        "session_id": row.session_id or None,
        "domain": row.domain,
        "title": (conversations.title(row) or None) if with_title else None,
        "first_at": row.first_at,
        "last_at": row.last_at,
        **values(CONVERSATION, row),
        "cost_state": row.cost_state,
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
        outcome=row.outcome,
        model=row.model,
        **values(TURN, row),
    )


def _agents(found: Loaded) -> Iterator[ConversationAgent]:
    by_agent: defaultdict[str, list[Exchange]] = defaultdict(list)
    for place in found.tree.places:
        by_agent[place.agent_id].append(found.exchanges[place.id])
    for agent in found.tree.agents:
        yield ConversationAgent(
            agent_id=agent.id,
            parent_agent_id=agent.parent_id or None,
            spawned_by=_spawned_by(agent),
            turns=len(by_agent[agent.id]),
            **values(AGENT, totals(by_agent[agent.id])),
        )


def _spawned_by(agent: Agent) -> ToolCallPlace | None:
    if agent.called_by is None:
        return None
    return ToolCallPlace(request_id=agent.called_by, tool_use_id=agent.tool_id or None)
