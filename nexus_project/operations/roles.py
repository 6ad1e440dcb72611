"""The three roles in PostgreSQL: made with their passwords, and given the rights that `grants` lists.

Without Django, as the embedded stack uses it before there are settings.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from nexus_project.operations.grants import DASHBOARD, FUNCTIONS, PROXY, ROLES, TABLES, WORKER

Connection = psycopg.Connection[Any]

# The setting that takes the address of each role.
ADDRESS_SETTINGS = {
    PROXY: "PROXY_DATABASE_URL",
    WORKER: "WORKER_DATABASE_URL",
    DASHBOARD: "DASHBOARD_DATABASE_URL",
}

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('nexus_create_db_roles'))"
_EXISTING = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
_MIGHTY = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = %s
"""
_GROUPS = """
SELECT grouping.rolname FROM pg_auth_members JOIN pg_roles AS grouping ON grouping.oid = roleid
JOIN pg_roles AS role ON role.oid = member WHERE role.rolname = %s
"""
# What an extension brought is its own affair.
# What an extension brought is its own affair.
_RELATIONS = """
SELECT relname FROM pg_class AS one
WHERE relnamespace = 'public'::regnamespace AND relkind = ANY(%s)
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = one.oid AND deptype = 'e') ORDER BY relname
"""
_FUNCTIONS = """
SELECT format('%I(%s)', proname, array_to_string(proargtypes::regtype[], ', ')) FROM pg_proc AS one
WHERE pronamespace = 'public'::regnamespace AND prokind <> 'a'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = one.oid AND deptype = 'e') ORDER BY 1
"""
_OWNERS = """
SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public' AND tableowner = ANY(%(roles)s)
UNION SELECT current_user::text WHERE current_user = ANY(%(roles)s)
"""
_STILL_CREATES = (
    "SELECT bool_or(has_schema_privilege(name, 'public', 'CREATE')) FROM unnest(%s::text[]) AS name"
)


class RolesError(Exception):
    """The roles cannot be made or would not keep anybody out; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Made:
    """A role as it is now; `password` is "" where the one that it had was kept, and nobody can tell it."""

    role: str
    created: bool
    password: str
    generated: bool


def make(connection: Connection, passwords: Mapping[str, str]) -> list[Made]:
    """Make the roles that are missing, each with its given password, else a fresh one; one that is there keeps its own."""
    with connection.transaction():
        connection.execute(_LOCK)
        existing = _existing(connection)
        return [_make(connection, role, passwords.get(role, ""), role in existing) for role in ROLES]


def grant(connection: Connection) -> None:
    """Take every right in this database from the roles that exist and from PUBLIC, and give the roles those of `grants`.

    One transaction: a running process has all its rights at any moment.
    """
    with connection.transaction():
        connection.execute(_LOCK)
        roles = [role for role in ROLES if role in _existing(connection)]
        _require_another_owner(connection)
        _revoke(connection, roles)
        for role in roles:
            _give(connection, role)
        if connection.execute(_STILL_CREATES, [roles]).fetchone() == (True,):
            raise RolesError(
                "Everybody may create tables in the schema public, and it belongs to another role than DATABASE_URL's: "
                "as a superuser, ALTER SCHEMA public OWNER TO that role, then run this again."
            )


def address(owner_url: str, role: str, password: str) -> str:
    """The DATABASE_URL of a role, made from the owner's; without a password where it is not known."""
    parts = urlsplit(owner_url)
    who = f"{role}:{quote(password, safe='')}" if password else role
    return parts._replace(netloc=f"{who}@{parts.netloc.rpartition('@')[2]}").geturl()


def tables(connection: Connection) -> list[str]:
    """The tables of this database, with partitions and views, by name."""
    return _names(connection, _RELATIONS, [["r", "p", "v", "m", "f"]])


def functions(connection: Connection) -> list[str]:
    """The functions of this database with the types of their arguments."""
    return _names(connection, _FUNCTIONS)


def _names(
    connection: Connection, query: str, parameters: Sequence[object] | Mapping[str, object] | None = None
) -> list[str]:
    return [name for (name,) in connection.execute(query, parameters).fetchall()]


def _existing(connection: Connection) -> list[str]:
    return _names(connection, _EXISTING, [list(ROLES)])


def _make(connection: Connection, role: str, password: str, exists: bool) -> Made:
    generated = not (exists or password)
    if generated:
        password = secrets.token_urlsafe(32)
    name = sql.Identifier(role)
    if not exists:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    elif connection.execute(_MIGHTY, [role]).fetchone() == (True,):
        weak = "ALTER ROLE {} NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS"
        connection.execute(sql.SQL(weak).format(name))
    for group in _names(connection, _GROUPS, [role]):
        connection.execute(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(group), name))
    if password:
        # As its verifier: a server that logs statements would log the password.
        verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(verifier.decode()))
        connection.execute(statement)
    return Made(role, not exists, password, generated)


def _require_another_owner(connection: Connection) -> None:
    owners = _names(connection, _OWNERS, {"roles": list(ROLES)})
    if owners:
        raise RolesError(
            f"{', '.join(owners)} owns tables or runs this, and an owner cannot be kept from anything: "
            "set DATABASE_URL to the address of the role that migrates, and give the tables to that one."
        )


def _revoke(connection: Connection, roles: Iterable[str]) -> None:
    """From the roles and from PUBLIC, who may otherwise call each function, use the schema and make temporary tables."""
    those = sql.SQL(", ").join([sql.SQL("PUBLIC"), *map(sql.Identifier, roles)])
    database = sql.Identifier(connection.info.dbname)
    sequences = _names(connection, _RELATIONS, [["S"]])
    for kind, objects in (
        ("SCHEMA", [sql.Identifier("public")]),
        ("TABLE", [sql.Identifier("public", name) for name in tables(connection)]),
        ("SEQUENCE", [sql.Identifier("public", name) for name in sequences]),
        ("ROUTINE", [sql.SQL("public.{}").format(sql.SQL(name)) for name in functions(connection)]),
    ):
        if objects:
            named = sql.SQL(", ").join(objects)
            connection.execute(sql.SQL("REVOKE ALL ON {} {} FROM {}").format(sql.SQL(kind), named, those))
    connection.execute(sql.SQL("REVOKE TEMPORARY, CREATE ON DATABASE {} FROM {}").format(database, those))
    # What a later migration makes is nobody's either, until it is granted.
    connection.execute("ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC")


def _give(connection: Connection, role: str) -> None:
    name = sql.Identifier(role)
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(connection.info.dbname), name)
    )
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
    for table, rights in TABLES.items():
        if privileges := rights.of(role):
            statement = sql.SQL("GRANT {} ON TABLE {} TO {}")
            connection.execute(statement.format(sql.SQL(privileges), sql.Identifier("public", table), name))
    for function, callers in FUNCTIONS.items():
        if role in callers:
            statement = sql.SQL("GRANT EXECUTE ON ROUTINE public.{} TO {}")
            connection.execute(statement.format(sql.SQL(function), name))
