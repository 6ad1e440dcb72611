"""What people call sessions and agents, and the page of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from accounts.secrets.masking import mask_text
from dashboard.queries import conversations
from proxy.store.models import Conversation

MAIN = "main"
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Name:
    """What people read for a value, and what a filter takes for it, "" where none can. `page` is its own, "" for none."""

    text: str
    wanted: str
    page: str = ""


def names(values: Iterable[str], *, with_titles: bool) -> dict[str, Name]:
    """Of conversations' ids, with their agents behind a slash: the session's title or id; no two alike."""
    kept = list(dict.fromkeys(values))
    known = conversations.known({UUID(value[:36]) for value in kept})
    found: dict[str, Name] = {}
    taken: dict[str, int] = {}
    for value in kept:
        row = known.get(UUID(value[:36]))
        text = _text(value, row, with_titles=with_titles)
        count = taken[text] = taken.get(text, 0) + 1
        text = f"{text} ({count})" if count > 1 else text
        session = row.session_id if row else ""
        wanted = f"{session}{value[36:]}" if session and mask_text(session) == session else ""
        found[value] = Name(text, wanted, reverse("session", args=[value[:36]]) if row else "")
    return found


def _text(value: str, row: Conversation | None, *, with_titles: bool) -> str:
    title = conversations.title(row) if row and with_titles else ""
    text = title or mask_text(row.session_id if row else "") or value[:36]
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    _, is_agent, agent = value.partition("/")
    return f"{text} / {mask_text(agent) or MAIN}" if is_agent else text
