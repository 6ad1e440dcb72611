"""Real processes sign in to PostgreSQL as their roles, with passwords, and what they signed in as can be asked."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import psutil
import psycopg

from nexus_project import env
from nexus_project.operations import roles
from nexus_project.operations.grants import DASHBOARD, PROXY, WORKER
from nexus_project.operations.roles import ADDRESS_SETTINGS

BY_SERVICE = {"proxy": PROXY, "worker": WORKER, "beat": WORKER, "dashboard": DASHBOARD}

_NOTE_WRITERS = """
CREATE TABLE IF NOT EXISTS test_writer (who name PRIMARY KEY);
CREATE OR REPLACE FUNCTION test_note_writer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
$$ BEGIN INSERT INTO test_writer VALUES (session_user) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER test_note_writer AFTER INSERT ON proxy_receipt EXECUTE FUNCTION test_note_writer();
"""


def address(owner_url: str, service: str) -> str:
    """Where a service signs in to a database, made from the owner's address."""
    role = BY_SERVICE[service]
    return roles.address(owner_url, role, password(role))


def password(role: str) -> str:
    """From the address that tests/servers.py has provided."""
    return unquote(urlsplit(env.secret(ADDRESS_SETTINGS[role])).password or "")


def with_its_own(service: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service as its supervisor gives it: with the address of its role in place of the owner's."""
    url = environment.get("DATABASE_URL", "")
    is_owners = url and urlsplit(url).username == urlsplit(env.secret("DATABASE_URL")).username
    if is_owners and service in BY_SERVICE:
        return {**environment, "DATABASE_URL": address(url, service)}
    return dict(environment)


def grant(owner_url: str) -> None:
    """Give the roles their rights in a database that has just been migrated, where `writers` will be asked for."""
    with psycopg.connect(owner_url) as owner:
        roles.grant(owner)
    note_writers(owner_url)


def note_writers(owner_url: str) -> None:
    """From now on keep as whom the record is written."""
    with psycopg.connect(owner_url) as owner:
        owner.execute(_NOTE_WRITERS)


def writers(owner_url: str) -> set[str]:
    """As whom records were stored: a worker is signed in for the time of a batch only, too short to be looked at."""
    with psycopg.connect(owner_url) as owner:
        return {user for (user,) in owner.execute("SELECT who FROM test_writer")}


def signed_in_as(owner_url: str, pid: int) -> set[str]:
    """As whom a process and its children hold connections to this database, by PostgreSQL's own account."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    ports = {
        connection.laddr.port
        for process in family
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_ESTABLISHED
    }
    query = (
        "SELECT usename FROM pg_stat_activity WHERE datname = current_database() AND client_port = ANY(%s)"
    )
    with psycopg.connect(owner_url) as owner:
        return {user for (user,) in owner.execute(query, [list(ports)])}
