"""The door of `manage.py`: what the database refuses is one sentence that says what to do; `--traceback` shows where it was."""

import sys
from collections.abc import Sequence

import psycopg
from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import DatabaseError

from accounts.secrets.masking import MASK, mask_text
from dashboard.audit.actor import as_command

# What an older database lacks, or one that was never migrated.
_LACKS = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction)
# PostgreSQL's classes "connection exception", "insufficient resources" and "operator intervention"; "" where nobody answered.
_AWAY = ("08", "53", "57P")


def run(words: Sequence[str]) -> None:
    """One management command, `words` as in sys.argv. What it cannot do for want of a database ends in exit code 1."""
    try:
        with as_command(words[1] if len(words) > 1 else ""):
            execute_from_command_line(list(words))
    except (DatabaseError, psycopg.Error) as error:
        reported = _advice(error, words)
        if reported is None or "--traceback" in words:
            raise
        sys.exit(f"nexus: {reported}")


def _advice(error: Exception, words: Sequence[str]) -> str | None:
    """What the operator can do about it; None where it is nothing of theirs."""
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    # A migration that misses a table is to blame itself.
    if isinstance(cause, _LACKS) and "migrate" not in words[1:2]:
        return "the database has no such tables yet (or older ones): run `python manage.py migrate` first."
    if isinstance(cause, psycopg.OperationalError) and (cause.sqlstate or "08").startswith(_AWAY):
        return f"the database does not answer: start it or fix DATABASE_URL ({_reason(cause)})."
    return None


def _reason(error: psycopg.Error) -> str:
    """The error's first line, without the password if it stands there."""
    line = (str(error).splitlines() or [type(error).__name__])[0].strip().rstrip(".")
    passwords = (str(config.get("PASSWORD") or "") for config in settings.DATABASES.values())
    for password in filter(None, passwords):
        line = line.replace(password, MASK)
    return mask_text(line)
