"""Exchanges that belong to a session by the tree though they do not name it: agents and what goes on from a summary, where a
client sends its session with some requests only."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from proxy.conversations.parents import SUMMARY_WINDOW
from proxy.store.conversations.loading import load
from proxy.store.models import Conversation, Offer, Turn, id_floor, moment_of

# Keys that one statement asks for.
_KEYS = 1000


def beyond_sessions(sessions: Sequence[str], domains: Sequence[str] = ()) -> list[UUID]:
    """The exchanges of nameless conversations that go on from these sessions, directly or by way of each other, in order."""
    named = Conversation.objects.filter(session_id__in=[name for name in sessions if name])
    frontier = list(named.filter(domain__in=domains) if domains else named)
    of_sessions = [turn for conversation in frontier for turn in _turns(conversation)]
    turns = {turn.id for turn in of_sessions}
    # Of a message thread only the first request may name the session.
    found = [turn.id for turn in of_sessions if turn.previous_id is not None]
    while frontier:
        for candidate in list(_nameless_after(frontier.pop())):
            known = len(found)
            # Only what goes on from these turns: the same short words may be of many sessions. Parents come first.
            for place in load(candidate).tree.places:
                if place.parent in turns and place.id not in turns:
                    turns.add(place.id)
                    found.append(place.id)
            if len(found) > known:
                frontier.append(candidate)
    return sorted(found)


def _turns(conversation: Conversation) -> list[Turn]:
    # The bounds keep other months out of the plan.
    within = Turn.objects.filter(id__gte=conversation.first_id, id__lte=conversation.last_id)
    return list(within.filter(conversation=conversation.id).only("id", "gives", "previous_id"))


def _nameless_after(conversation: Conversation) -> Iterator[Conversation]:
    """Conversations without a session with a turn that may go on from one of this."""
    rows = _turns(conversation)
    ids = [row.id for row in rows]
    gives = [bytes(row.gives) for row in rows if row.gives is not None]
    offered = Offer.objects.filter(id__in=ids, id__gte=conversation.first_id, id__lte=conversation.last_id)
    claims = [bytes(key) for key in offered.values_list("key", flat=True)]
    # So long after the last turn a summary may still be claimed; what answers it comes sooner.
    latest = id_floor(moment_of(conversation.last_id) + SUMMARY_WINDOW)
    later = Turn.objects.filter(domain=conversation.domain, id__gt=conversation.first_id, id__lt=latest)
    found: set[UUID] = set()
    for name, keys in (("takes", gives), ("claim", claims)):
        for at in range(0, len(keys), _KEYS):
            fits = later.filter(**{f"{name}__in": keys[at : at + _KEYS]})
            # Only such rows are in the index of claims.
            fits = fits.filter(depth=1) if name == "claim" else fits
            found.update(fits.values_list("conversation", flat=True))
    yield from Conversation.objects.filter(id__in=found - {conversation.id}, session_id="").order_by("id")
