"""One rebuild of a kind at a time: two at once would each fix the same difference."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


class Busy(Exception):
    """Another rebuild runs; this one has done nothing."""


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold the lock of that name meanwhile; Busy where somebody else does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
        if cursor.fetchone() != (True,):
            raise Busy
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])
