"""Tell the operators, through the global webhook, that records were lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.store.notifications import post_queue, slack_text, tasks
from proxy.store.notifications.slack_config import recipient_of
from proxy.store.pipeline import SpoolState

# No domain can have this name, so its posts go where SLACK_WEBHOOK_URL leads.
OPERATORS = "(operators)"
MOST_SPOOLS = 10


@dataclass(frozen=True, slots=True)
class Loss:
    """How a spool fares, and how much it lost since that was last reported."""

    spool: SpoolState
    new: int


def report(losses: Sequence[Loss]) -> None:
    """Queue one message, if anybody hears it; raises RedisError."""
    if losses and recipient_of(OPERATORS):
        post_queue.put(OPERATORS, "", {**slack_text.warning("Nexus lost records", words(losses))})
        tasks.deliver_slack.delay(OPERATORS)


def words(losses: Sequence[Loss]) -> str:
    """What was lost, by spool, and what to do."""
    lines = [_line(loss) for loss in losses[:MOST_SPOOLS]]
    if more := len(losses[MOST_SPOOLS:]):
        lines.append(f"... and {more} more spools")
    return "\n".join([*lines, "Run `manage.py spool list`; docs/operations.md says what to do about each."])


def _line(loss: Loss) -> str:
    spool = loss.spool
    return (
        f"Spool {spool.id}: {loss.new} new; in all {spool.dropped} records dropped, {spool.gaps} missing, "
        f"{spool.bodies_dropped} bodies dropped"
    )
