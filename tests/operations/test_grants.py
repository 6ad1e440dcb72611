"""What the three roles may do: all of it is named, and PostgreSQL refuses everything else."""

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from psycopg import sql

from nexus_project.operations import roles
from nexus_project.operations.grants import (
    DASHBOARD,
    FUNCTIONS,
    PROXY,
    ROLES,
    TABLES,
    TRAFFIC,
    WORKER,
)
from proxy.store.postgres import partitions as monthly
from tests.accounts.people import make_oauth
from tests.people import make_exchange
from tests.roles import acting_as

pytestmark = pytest.mark.django_db

WRITES = {
    "INSERT": "INSERT INTO {} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = {column}",
    "DELETE": "DELETE FROM {}",
    "TRUNCATE": "TRUNCATE {}",
}
COUNTED = "proxy_domaintotal"  # /token-stats reads it


@pytest.fixture
def owner() -> roles.Connection:
    connection.ensure_connection()
    own: roles.Connection = connection.connection
    return own


def refused(role: str, statement: str) -> bool:
    """Whether PostgreSQL keeps the role from it; any other error is raised."""
    try:
        with acting_as(role), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        if isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            return True
        raise
    return False


def column_of(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608 - names of the grants
        return str(cursor.description[0].name)


def months(owner: roles.Connection) -> list[str]:
    """The partitions, of the month of an exchange that is stored."""
    make_exchange()
    return [name for name in roles.tables(owner) if name.rpartition("_20")[0] in TRAFFIC]


def unnamed(owner: roles.Connection) -> set[str]:
    """Tables and functions that nobody has decided about."""
    partitions = {name for name in roles.tables(owner) if name[-8:-5].startswith("_20")}
    return {*roles.tables(owner), *roles.functions(owner)} - partitions - {*TABLES, *FUNCTIONS}


def test_every_table_and_function_is_named_in_the_grants(owner: roles.Connection) -> None:
    make_exchange()

    assert unnamed(owner) == set()
    assert {*TABLES, *FUNCTIONS} <= {*roles.tables(owner), *roles.functions(owner)}


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ("CREATE TABLE proxy_later (id int)", "proxy_later"),
        ("CREATE VIEW seen AS SELECT 1 AS one", "seen"),
        ("CREATE FUNCTION nexus_x(date) RETURNS int LANGUAGE sql AS 'SELECT 1'", "nexus_x(date)"),
    ],
)
def test_what_a_later_part_adds_without_deciding_is_found(
    owner: roles.Connection, made: str, name: str
) -> None:
    owner.execute(made)

    assert unnamed(owner) == {name}


@pytest.mark.parametrize("role", ROLES)
def test_what_a_later_migration_makes_belongs_to_nobody_until_it_is_granted(
    owner: roles.Connection, role: str
) -> None:
    owner.execute(
        "CREATE TABLE later (id int); CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    )

    assert refused(role, "SELECT * FROM later")
    assert refused(role, "SELECT later()")


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("table", TRAFFIC)
def test_the_dashboard_cannot_write_traffic(table: str, write: str) -> None:
    statement = WRITES[write].replace("{}", table).format(table=table, column=column_of(table))

    assert refused(DASHBOARD, statement)
    assert not refused(DASHBOARD, f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of the grants


@pytest.mark.parametrize("table", [name for name in TRAFFIC if name != COUNTED])
def test_the_proxy_cannot_even_read_traffic(table: str) -> None:
    assert refused(PROXY, f"SELECT FROM {table}")
    assert refused(PROXY, f"INSERT INTO {table} DEFAULT VALUES")


@pytest.mark.parametrize("write", WRITES)
def test_the_proxy_reads_totals_and_writes_none(write: str) -> None:
    assert not refused(PROXY, f"SELECT * FROM {COUNTED}")  # noqa: S608 - a name of the grants
    assert refused(PROXY, WRITES[write].replace("{}", COUNTED).format(table=COUNTED, column="domain"))


@pytest.mark.parametrize("write", ["DELETE", "TRUNCATE"])
@pytest.mark.parametrize("table", TRAFFIC)
def test_the_worker_takes_nothing_away(table: str, write: str) -> None:
    assert refused(WORKER, WRITES[write].replace("{}", table))


@pytest.mark.parametrize("role", ROLES)
def test_no_role_reaches_a_partition_past_its_parent(owner: roles.Connection, role: str) -> None:
    partitions = months(owner)

    assert len(partitions) == len(monthly.TABLES)
    for partition in partitions:
        assert refused(role, f"SELECT FROM {partition}")
        assert refused(role, f"DROP TABLE {partition}")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE proxy_blob_2031_01 PARTITION OF proxy_blob FOR VALUES FROM ('2031-01-01') TO ('2031-02-01')",
        "ALTER TABLE proxy_exchange DISABLE TRIGGER ALL",
        "CREATE ROLE mine",
        "COPY proxy_price TO PROGRAM 'cat'",
    ],
)
def test_no_role_makes_anything_of_its_own(role: str, statement: str) -> None:
    assert refused(role, statement)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_called_by_whom_the_grants_name(role: str, function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege(%s, %s, 'EXECUTE')", [role, f"public.{function}"])

        assert cursor.fetchone() == (role in FUNCTIONS[function],)


def test_the_worker_makes_months_and_nobody_else_does() -> None:
    ensure = "SELECT nexus_ensure_month('2031-01-01')"

    assert refused(PROXY, ensure)
    assert refused(DASHBOARD, ensure)
    assert not refused(WORKER, ensure)


@pytest.mark.parametrize(
    "column", ["api_key", "access_token", "refresh_token", "expires_at", "enabled", "domain_id"]
)
def test_the_worker_changes_of_a_credential_only_its_state(column: str) -> None:
    make_oauth()

    assert refused(WORKER, f"UPDATE accounts_credential SET {column} = {column}")  # noqa: S608 - names above
    assert not refused(
        WORKER, "UPDATE accounts_credential SET state = 'needs_login', last_error = 'x' WHERE id > 0"
    )


@pytest.mark.parametrize("column", ["api_key", "access_token", "refresh_token"])
def test_the_worker_cannot_read_what_pays(column: str) -> None:
    assert refused(WORKER, f"SELECT {column} FROM accounts_credential")  # noqa: S608 - names above


@pytest.mark.parametrize("column", ["api_key", "name", "kind", "enabled", "domain_id", "is_max"])
def test_the_proxy_changes_of_a_credential_only_tokens_and_state(column: str) -> None:
    assert refused(PROXY, f"UPDATE accounts_credential SET {column} = {column}")  # noqa: S608 - names above
    assert refused(PROXY, "DELETE FROM accounts_credential")


@pytest.mark.parametrize("role", [PROXY, WORKER])
@pytest.mark.parametrize("table", ["auth_user", "django_session", "django_admin_log"])
def test_only_the_dashboard_knows_its_people(role: str, table: str) -> None:
    assert refused(role, f"SELECT FROM {table}")


@pytest.fixture
def spoilt(owner: roles.Connection) -> roles.Connection:
    """A database in which somebody gave away too much, and took away what is needed."""
    owner.execute("GRANT ALL ON proxy_blob, accounts_credential TO PUBLIC, nexus_proxy")
    owner.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    owner.execute("GRANT ALL ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC")
    owner.execute("GRANT SELECT (data) ON proxy_blob TO nexus_proxy")
    owner.execute("REVOKE ALL ON proxy_exchange FROM nexus_worker")
    return owner


def test_granting_again_takes_back_too_much_and_gives_what_is_missing(spoilt: roles.Connection) -> None:
    assert not refused(PROXY, "SELECT data FROM proxy_blob")

    roles.grant(spoilt)

    for role in ROLES:
        assert refused(role, "CREATE TABLE mine (id int)")
        assert refused(role, "DELETE FROM proxy_blob")
    assert refused(PROXY, "SELECT data FROM proxy_blob")
    assert refused(PROXY, "SELECT nexus_ensure_month('2031-01-01')")
    assert not refused(WORKER, "SELECT FROM proxy_exchange")


def test_a_right_that_is_missing_is_an_error_of_the_worker(owner: roles.Connection) -> None:
    owner.execute(sql.SQL("REVOKE SELECT ON proxy_exchange FROM {}").format(sql.Identifier(WORKER)))

    assert refused(WORKER, "SELECT FROM proxy_exchange")
