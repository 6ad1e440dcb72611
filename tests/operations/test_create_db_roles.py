"""`manage.py create_db_roles`, and the doors that the roles come in by."""

import json
from io import StringIO
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from pytest_django.fixtures import Settings

from nexus_project import env
from nexus_project.operations import roles
from nexus_project.operations.grants import DASHBOARD, PROXY, ROLES, WORKER
from nexus_project.operations.roles import ADDRESS_SETTINGS, RolesError
from tests.roles import acting_as

# A test's transaction takes back what it does to the roles, which are those of the whole suite.
pytestmark = pytest.mark.django_db

VERIFIERS = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(%s)"


@pytest.fixture
def owner() -> roles.Connection:
    connection.ensure_connection()
    own: roles.Connection = connection.connection
    return own


@pytest.fixture(autouse=True)
def _no_given_passwords(settings: Settings) -> None:
    settings.PROXY_DB_PASSWORD = settings.WORKER_DB_PASSWORD = settings.DASHBOARD_DB_PASSWORD = ""


@pytest.fixture
def no_roles(owner: roles.Connection) -> None:
    for role in ROLES:
        owner.execute(f"ALTER ROLE {role} RENAME TO {role}_of_before")


def create(**options: bool) -> str:
    call_command("create_db_roles", stdout=(said := StringIO()), **options)
    return said.getvalue()


def verifiers(owner: roles.Connection) -> dict[str, str]:
    return dict(owner.execute(VERIFIERS, [list(ROLES)]).fetchall())


def test_new_roles_get_passwords_of_their_own_and_addresses_that_are_shown_once(
    owner: roles.Connection, no_roles: None
) -> None:
    first, again = create(), create()

    addresses = [urlsplit(line.partition("=")[2]) for line in first.splitlines() if "_DATABASE_URL=" in line]
    assert [address.username for address in addresses] == list(ROLES)
    assert len({address.password for address in addresses}) == 3
    assert {address.path for address in addresses} == {urlsplit(settings.DATABASE_URL).path}
    assert all(verifier.startswith("SCRAM-SHA-256$") for verifier in verifiers(owner).values())
    assert "postgresql://" not in again
    assert again.count("kept its password") == 3


def test_json_has_the_three_addresses(no_roles: None) -> None:
    found = json.loads(create(json=True))

    assert {name: urlsplit(url).username for name, url in found.items()} == {
        "PROXY_DATABASE_URL": PROXY,
        "WORKER_DATABASE_URL": WORKER,
        "DASHBOARD_DATABASE_URL": DASHBOARD,
    }
    assert all(len(urlsplit(url).password or "") > 30 for url in found.values())


def test_a_kept_password_stands_in_no_address_and_is_not_changed(owner: roles.Connection) -> None:
    before = verifiers(owner)

    found = json.loads(create(json=True))

    assert [urlsplit(url).password for url in found.values()] == [None] * 3
    assert verifiers(owner) == before


def test_given_passwords_are_set_and_never_shown(owner: roles.Connection, settings: Settings) -> None:
    before = verifiers(owner)
    settings.PROXY_DB_PASSWORD = "of the proxy"
    settings.WORKER_DB_PASSWORD = "of the worker"

    said = create()

    after = verifiers(owner)
    assert [role for role in ROLES if after[role] != before[role]] == [PROXY, WORKER]
    assert said.count("has the given password") == 2
    assert "of the proxy" not in said
    assert "of the worker" not in said


def test_a_password_with_every_kind_of_character_fits_into_the_address() -> None:
    found = roles.address("postgresql://o:x@[::1]:5432/nexus?sslmode=require", PROXY, "a/b@c:d?#%é")

    assert found.endswith("@[::1]:5432/nexus?sslmode=require")
    assert env.database_config(found)["PASSWORD"] == "a/b@c:d?#%é"


def test_a_role_that_had_become_mighty_is_made_small_again(owner: roles.Connection) -> None:
    owner.execute("ALTER ROLE nexus_proxy SUPERUSER CREATEROLE; GRANT pg_read_all_data TO nexus_worker")

    create()

    mighty = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND (rolsuper OR rolcreaterole)"
    assert owner.execute(mighty, [list(ROLES)]).fetchall() == []
    assert owner.execute("SELECT pg_has_role('nexus_worker', 'pg_read_all_data', 'MEMBER')").fetchone() == (
        False,
    )


def test_before_the_migrations_it_says_to_run_them(owner: roles.Connection) -> None:
    owner.execute("ALTER TABLE proxy_price RENAME TO lost")

    with pytest.raises(CommandError, match=r"proxy_price.*run `manage.py migrate` first"):
        create()


def test_without_the_right_to_make_roles_it_says_what_is_missing(no_roles: None) -> None:
    with (
        acting_as(f"{PROXY}_of_before"),
        pytest.raises(CommandError, match=r"has to own the tables and to have CREATEROLE"),
    ):
        create()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_owns_a_table_is_refused_as_nothing_could_keep_it_out(
    owner: roles.Connection, role: str
) -> None:
    owner.execute(f"ALTER TABLE proxy_price OWNER TO {role}")

    with pytest.raises(CommandError, match=f"{role} owns tables or runs this"):
        create()


def test_a_schema_of_somebody_else_in_which_everybody_creates_is_refused(owner: roles.Connection) -> None:
    """PostgreSQL 14's public schema, for an owner of tables who is no superuser."""
    owner.execute("GRANT ALL ON SCHEMA public TO PUBLIC; CREATE ROLE migrating IN ROLE nexus")
    owner.execute("CREATE ROLE another_owner; ALTER SCHEMA public OWNER TO another_owner")

    with acting_as("migrating"), pytest.raises(RolesError, match="ALTER SCHEMA public OWNER TO that role"):
        roles.grant(owner)


@pytest.fixture(params=["TCP", "socket"])
def door(request: pytest.FixtureRequest) -> dict[str, object]:
    """The suite's server by either of its doors."""
    at = urlsplit(settings.DATABASE_URL)
    with psycopg.connect(env.secret("DATABASE_URL")) as owner:
        row = owner.execute("SHOW unix_socket_directories").fetchone()
    assert row
    host = at.hostname if request.param == "TCP" else row[0].split(",")[0]
    return {
        "host": host,
        "port": at.port,
        "dbname": at.path[1:],
        "passfile": "/dev/null",
        "connect_timeout": 5,
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_is_refused_by_each_door(door: dict[str, object], role: str, password: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"password"):
        psycopg.connect(**door, user=role, password=password)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ROLES)
def test_the_right_password_opens_each_door_by_scram(door: dict[str, object], role: str) -> None:
    password = urlsplit(env.secret(ADDRESS_SETTINGS[role])).password

    with psycopg.connect(**door, user=role, password=password, require_auth="scram-sha-256") as opened:  # type: ignore[arg-type]
        assert opened.execute("SELECT current_user").fetchone() == (role,)
