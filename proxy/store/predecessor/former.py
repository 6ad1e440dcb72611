"""What the predecessor called its conversations: its addresses lead to where their turns are now."""

from collections.abc import Mapping
from uuid import UUID

from proxy.store.models import FormerConversation, Turn


def note(named: Mapping[UUID, str]) -> None:
    """Keep the former ids of exchanges that are stored as turns, however often they are imported; what is no id names nothing."""
    formers = {exchange: former for exchange, name in named.items() if (former := _id(name))}
    turns = Turn.objects.filter(id__in=formers).values_list("id", "conversation") if formers else ()
    pairs = sorted({(formers[exchange], conversation) for exchange, conversation in turns})
    rows = [FormerConversation(former=former, conversation=conversation) for former, conversation in pairs]
    FormerConversation.objects.bulk_create(rows, ignore_conflicts=True)


def _id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
