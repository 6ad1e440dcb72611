"""The words that all forms for people share."""

from datetime import datetime

import msgspec

from proxy.store.metric_fields import Fields
from proxy.store.transcripts.shapes import (
    COUNTS,
    COUNTS_OF_TURN,
    AgentFacts,
    Attachment,
    Call,
    Result,
    Summary,
    Text,
    Turn,
    TurnFacts,
)

_LINKS = {
    "thread": "goes on in a message thread",
    "gap": "goes on after turns that are missing",
    "compaction": "goes on from a summary",
}


def title_of(summary: Summary) -> str:
    return summary.title or f"Conversation {summary.conversation_id}"


def facts_of(summary: Summary) -> list[tuple[str, str]]:
    """What a conversation is in sum, by names."""
    facts = [
        ("Conversation", str(summary.conversation_id)),
        ("Session", summary.session_id or ""),
        ("Domain", summary.domain),
        ("Time", f"{moment(summary.first_at)} to {moment(summary.last_at)}"),
        ("Models", ", ".join(summary.models)),
        ("Turns", f"{summary.turns:,} ({summary.failed:,} failed)"),
        ("Agents", f"{summary.agents:,}" if summary.agents else ""),
        ("Cost", f"${summary.cost} ({summary.cost_state})"),
        ("Tokens", _counts(summary, COUNTS)),
    ]
    return [(name, value) for name, value in facts if value]


def _counts(of: Summary | TurnFacts, fields: Fields) -> str:
    """Those that are known."""
    counts = {field.metric.label.lower(): getattr(of, field.name) for field in fields}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count is not None)


def facts_of_turn(turn: TurnFacts) -> list[str]:
    """What is said of a turn behind its number."""
    facts = [
        turn.kind,
        turn.model,
        moment(turn.started_at),
        f"{turn.duration_ms / 1000:,.1f} s",
        "" if turn.cost is None else f"${turn.cost}",
        _counts(turn, COUNTS_OF_TURN),
        f"branch {turn.branch}" if turn.branch else "",
        _LINKS.get(turn.linked_by or "", ""),
        "" if turn.outcome == "complete" else turn.outcome.replace("_", " "),
    ]
    return [fact for fact in facts if fact]


def notes_of(turn: Turn) -> list[str]:
    """What a reader has to know of a turn whose words are not all here."""
    repeated = f"Asks the same as {turn.retry_of} once more." if turn.retry_of else ""
    error = f"Error: {turn.error}" if turn.error else ""
    missing = f"Not shown: {turn.missing}." if turn.missing else ""
    return [note for note in (repeated, error, missing) if note]


def agent_line(agent: AgentFacts) -> str:
    kind = f" ({agent.agent_type})" if agent.agent_type else ""
    sums = agent.sums
    turns = "1 turn" if sums.turns == 1 else f"{sums.turns:,} turns"
    return f"Agent {agent.agent_id}{kind}: {turns}, {sums.failed:,} failed, ${sums.cost}"


def attachment_line(of: Attachment) -> str:
    """In place of an image."""
    size = f"{of.size_bytes:,} bytes" if of.size_bytes else ""
    return f"[{', '.join(part for part in (of.kind, of.media_type, of.name, size) if part)}]"


def cut_line(text: Text) -> str:
    """What was cut off, "" where nothing was."""
    return f"({text.left_out:,} more characters are in the raw bodies)" if text.left_out else ""


def input_of(call: Call) -> str:
    """A call's input as text: JSON, indented."""
    if isinstance(call.input, str):
        return call.input
    return msgspec.json.format(msgspec.json.encode(call.input), indent=2).decode()


def result_name(result: Result) -> str:
    return "Result: error" if result.is_error else "Result"


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
