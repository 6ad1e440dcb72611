"""What people call the sessions and client keys of running streams."""

from collections.abc import Sequence

from accounts.secrets.masking import mask_text
from dashboard.queries import client_keys, conversations

# Of each kind in one question; a page asks again for the others.
MOST = 100
SHOWN = 80


def names(
    sessions: Sequence[str], keys: Sequence[str], *, with_words: bool
) -> dict[str, dict[str, dict[str, str] | str]]:
    """`sessions` by their ids, each with `title` ("" for who may not read words) and `person`; `keys` by what events call them."""
    found = conversations.latest([session.replace("\x00", "") for session in sessions[:MOST]])
    return {
        "sessions": {
            row.session_id: {
                "title": mask_text(conversations.title(row))[:SHOWN] if with_words else "",
                "person": mask_text(row.person)[:SHOWN],
            }
            for row in found
        },
        "keys": {**client_keys.names_of(keys[:MOST])},
    }
