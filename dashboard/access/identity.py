"""Who somebody is by the word of another system, and why that word may not count here. Pure: asks no database."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a system vouches for: `subject` is what it calls them for good, `email` is "" unless it is theirs for certain.

    `groups` are the Django groups that follow from theirs, None where theirs are not asked for; `staff` the same for the admin.
    """

    issuer: str
    subject: str
    email: str = ""
    name: str = ""
    groups: frozenset[str] | None = None
    staff: bool | None = None


class Refused(Exception):
    """Somebody is not signed in: `why` is a word for the log, the message says what to do next."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


def mapped(theirs: Iterable[str], pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The Django groups that groups of another system stand for."""
    held = set(theirs)
    return frozenset(here for outside, here in pairs if outside in held)
