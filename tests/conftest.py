"""What every test builds on."""

import signal
from collections.abc import Iterator

import django
import hypothesis
import pytest
from pytest_django import DjangoDbBlocker

from nexus_project import env
from tests import order, servers

# A suite that is ended from outside stops the services that it started, as after Ctrl-C.
signal.signal(signal.SIGTERM, signal.default_int_handler)

# How long one example takes depends on what else the machine does.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

# Not in pyproject.toml: pytest-django would load the settings before the servers have their addresses.
servers.provide()
env.export(DJANGO_SETTINGS_MODULE="nexus_project.settings.test")
django.setup()
if servers.hands_out():
    # The processes that run the tests find an environment as this one did.
    env.export(DJANGO_SETTINGS_MODULE="", DATABASE_URL="", REDIS_URL="")

from django.db import connection  # noqa: E402 - Django's settings come first
from django.db.backends.utils import CursorWrapper  # noqa: E402 - the same

from nexus_project.operations.roles import grant  # noqa: E402 - the same
from tests import roles  # noqa: E402 - the same
from tests.flow.services import wait_for  # noqa: E402 - the same


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After those who shuffle and group the tests."""
    order.long_first(items)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database with the rights of the three roles; in the end it waits for processes that are still leaving it."""
    with django_db_blocker.unblock():
        connection.ensure_connection()
        grant(connection.connection)
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        wait_for(lambda: not _others(cursor), 20)


def _others(cursor: CursorWrapper) -> bool:
    cursor.execute(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        " AND pid <> pg_backend_pid()"
    )
    return cursor.fetchone() is not None


@pytest.fixture(autouse=True)
def _database_role(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test on the database has the role of its folder (tests/roles.py)."""
    role = roles.of_test(request)
    if role is None:
        yield
        return
    request.getfixturevalue("_django_db_helper")  # first, so that it ends the transaction after the role
    with roles.in_force(role):
        yield
