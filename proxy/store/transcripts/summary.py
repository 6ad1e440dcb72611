"""What is known of a conversation without the bodies of its turns."""

from collections.abc import Sequence

from accounts.secrets.masking import mask_text
from proxy.conversations.tree import Agent, Place
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.conversations.sums import title_of, totals
from proxy.store.metric_fields import CONVERSATION, TURN, values
from proxy.store.models import Conversation, Exchange
from proxy.store.transcripts.shapes import AgentFacts, Summary, Sums, TurnFacts


def summary_of(row: Conversation) -> Summary:
    """A conversation as its row sums it up."""
    return Summary(
        conversation_id=row.id,
        session_id=mask_text(row.session_id) or None,
        domain=row.domain,
        title=_title(row),
        first_at=row.first_at,
        last_at=row.last_at,
        turns=row.turns,
        agents=len(row.agents),
        **values(CONVERSATION, row),
        cost_state=row.cost_state,
        models=[mask_text(model) for model in row.model_names],
    )


def facts_of_turn(number: int, place: Place, row: Exchange) -> TurnFacts:
    """What a row and the tree tell of a turn."""
    return TurnFacts(
        number=number,
        request_id=row.id,
        parent_id=place.parent,
        linked_by=place.found_by,
        kind=place.kind,
        agent_id=mask_text(place.agent_id) or None,
        parent_agent_id=mask_text(place.parent_agent_id) or None,
        branch=place.branch,
        retry_of=place.retry_of,
        started_at=row.started_at,
        outcome=row.outcome,
        status=row.status or None,
        model=mask_text(row.model),
        cost_state=row.cost_state,
        **values(TURN, row),
        error=error_of(row.error_type, row.error_message),
    )


def facts_of_agent(agent: Agent, sums: Sums) -> AgentFacts:
    """What the tree tells of an agent."""
    name, parent, kind = map(mask_text, (agent.id, agent.parent_id, agent.kind))
    return AgentFacts(name, parent or None, kind or None, sums)


def error_of(kind: str, message: str) -> str | None:
    """An error in one text, None without one."""
    return mask_text(": ".join(part for part in (kind, message) if part)) or None


def sums_of(rows: Sequence[Exchange]) -> Sums:
    """The sums of some turns."""
    return Sums(turns=len(rows), **values(CONVERSATION, totals(rows)))


def _title(row: Conversation) -> str | None:
    try:
        return mask_text(title_of(row)) or None
    except KeyUnavailable:
        return None
