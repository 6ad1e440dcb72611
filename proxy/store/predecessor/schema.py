"""Which form of `api_requests` a database has: its columns are asked for, never guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from proxy.wire.billing.usage import USAGE_NAMES

_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_name = 'api_requests' AND table_schema = ANY(current_schemas(false))
"""
# What is read, and how: as text where a value of any type may stand there.
_WANTED: Mapping[str, str] = {
    "request_id": "{}::text",
    "timestamp": "extract(epoch FROM {})::float8",
    "domain": "{}::text",
    "project_id": "{}::text",
    "account_id": "{}::text",
    "ip_address": "{}::text",
    "method": "{}::text",
    "path": "{}::text",
    "headers": "{}",
    "body": "{}::text",
    "model": "{}::text",
    "request_type": "{}::text",
    "response_status": "{}::int",
    "response_headers": "{}",
    "response_body": "{}::text",
    **dict.fromkeys(USAGE_NAMES, "{}::bigint"),
    "usage_data": "{}",
    "first_token_ms": "{}::float8",
    "duration_ms": "{}::float8",
    "error": "{}::text",
    "tool_call_count": "{}::int",
    "conversation_id": "{}::text",
}
_NEEDED = ("request_id", "timestamp")


class SchemaError(Exception):
    """The database is none of the predecessor's; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One form of the table. `name` is that of docs/predecessor.md#databases."""

    name: str
    tenant: str
    columns: Sequence[str]

    def select(self) -> sql.Composable:
        """The columns that are there, under their names; numbers that are no numbers stop the query."""
        parts = [
            sql.SQL(_WANTED[name] + " AS {}").format(sql.Identifier(name), sql.Identifier(name))
            for name in self.columns
        ]
        return sql.SQL(", ").join(parts)


def find(connection: psycopg.Connection[object]) -> Schema:
    """The form that the table has here."""
    there = {str(row[0]) for row in connection.cursor(row_factory=psycopg.rows.tuple_row).execute(_COLUMNS)}
    if not there:
        raise SchemaError("there is no table api_requests: name the predecessor's database")
    tenant = next((name for name in ("project_id", "domain") if name in there), "")
    if missing := [name for name in _NEEDED if name not in there] + ([] if tenant else ["domain"]):
        raise SchemaError(f"api_requests has no column {', '.join(missing)}: it is not the predecessor's")
    return Schema(_name(there), tenant, [name for name in _WANTED if name in there])


def _name(there: set[str]) -> str:
    if "project_id" in there:
        return "E2: projects"
    if "account_id" in there or "current_message_hash" in there:
        return "E1: domains and accounts"
    if there & {"api_key_id", "ip_address", "completed_at"}:
        return "E0: as the writer made it"
    return "E0: as init-database.sql made it"
