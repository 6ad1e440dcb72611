"""Many rows in one statement."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import psycopg
from django.db import connection, models
from psycopg import sql
from psycopg.types.json import Jsonb

from proxy.store.postgres import columns


def copy_in(rows: Sequence[models.Model], table: str = "") -> None:
    """Insert rows of one model by COPY, into its table or one like it; there must be no conflict. Errors are those of django.db."""
    if not rows:
        return
    model = type(rows[0])
    names, documents = _columns(model), columns.documents(model)
    numbers = columns.lists_of_numbers(model)
    statement = _copying(table or model._meta.db_table, names)
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            values = row.__dict__
            fields: list[Any] = [_json(values[name]) if name in documents else values[name] for name in names]
            for place in numbers:
                fields[place] = _array(fields[place])
            copy.write_row(fields)


@cache
def _columns(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


@cache
def _copying(table: str, names: tuple[str, ...]) -> str:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    return statement.as_string()


def _json(value: object) -> Jsonb | None:
    return None if value is None else Jsonb(value, dumps=msgspec.json.encode)


def _array(numbers: Sequence[int]) -> str:
    """As PostgreSQL writes it: psycopg asks each item of an array for its kind."""
    return f"{{{','.join(map(str, numbers))}}}"


def execute_binary(statement: str, parameters: Sequence[object]) -> None:
    """Run a statement whose `%b` parameters travel as bytes: Django writes bytea as text, twice as long."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters)
