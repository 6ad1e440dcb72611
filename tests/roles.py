"""The database roles in force: a test runs with the rights of the process that the code of its folder belongs to.

So a right that `grants` forgets fails a test. What arranges and looks acts as the owner: tests/people.py does by itself, a test
that reaches further says `with as_owner():`. A module or test that is about another role says so with
`pytest.mark.database_role(…)`. Folders that are not named here start real processes, each with its own address.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import local
from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from psycopg import sql
from psycopg.pq import TransactionStatus

from nexus_project.operations.grants import DASHBOARD, PROXY, WORKER

OWNER = "owner"
BY_FOLDER = {
    "store": WORKER,
    "notifications": WORKER,
    "dashboard": DASHBOARD,
    "accounts": PROXY,
    "relay": PROXY,
}
NEEDS_DATABASE = {"db", "transactional_db", "django_db_reset_sequences"}

_of_the_test = OWNER  # for every thread: the connections that code under test makes are meant as well
_here = local()


def of_test(request: pytest.FixtureRequest) -> str | None:
    """The role of a test: that of its marker, else of its folder; None where it asks for no database."""
    node = request.node
    if not (node.get_closest_marker("django_db") or NEEDS_DATABASE & set(request.fixturenames)):
        return None
    if marker := node.get_closest_marker("database_role"):
        return str(marker.args[0])
    return BY_FOLDER.get(node.path.relative_to(Path(__file__).parent).parts[0], OWNER)


@contextmanager
def in_force(role: str) -> Iterator[None]:
    """The role for a whole test, the owner's too: a test that failed within a transaction may have left its own."""
    global _of_the_test
    _of_the_test = role
    _become(role)
    try:
        yield
    finally:
        _of_the_test = OWNER
        _become(OWNER)


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Another role for this thread, within a test."""
    before = getattr(_here, "role", None)
    _here.role = role
    _become(role)
    try:
        yield
    finally:
        _here.role = before
        _become(_role())


@contextmanager
def as_owner() -> Iterator[None]:
    """To arrange and to look at what the test's role may not reach."""
    with acting_as(OWNER):
        yield


def _role() -> str:
    return getattr(_here, "role", None) or _of_the_test


def _become(role: str) -> None:
    """As the server sees it, for this thread's connection; one that is made later becomes it then."""
    raw = connection.connection
    # A transaction that failed takes back what became of the role in it when it is rolled back.
    if raw is None or raw.closed or raw.info.transaction_status == TransactionStatus.INERROR:
        return
    name = sql.SQL("NONE") if role == OWNER else sql.Identifier(role)
    # Past Django, which counts queries and refuses them in a transaction that is to be rolled back.
    raw.execute(sql.SQL("SET ROLE {}").format(name))


@connection_created.connect
def _become_anew(**signal: Any) -> None:
    _become(_role())
