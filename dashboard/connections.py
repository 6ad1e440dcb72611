"""The connections of the pool, for what waits a long time between two queries."""

from django.db import connection


def give_back() -> None:
    """Let others have this thread's connection until it asks something again."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
