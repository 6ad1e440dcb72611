"""Write every encrypted column anew under the first of FIELD_ENCRYPTION_KEYS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db import connection
from psycopg import sql

from accounts import fields
from accounts.fields import EncryptedTextField, UnreadableSecret


@dataclass(frozen=True, slots=True)
class Column:
    """An encrypted column, and the primary key of its table."""

    table: str
    key: str
    name: str


@dataclass(slots=True)
class Rotated:
    """Counts of values; `unreadable` names those that no key decrypts, as table.column and primary key."""

    current: int = 0
    rotated: int = 0
    unreadable: list[str] = field(default_factory=list)


def columns() -> list[Column]:
    """Every encrypted column there is."""
    return [
        Column(model._meta.db_table, str(model._meta.pk.column), str(column.column))
        for model in apps.get_models()
        for column in model._meta.concrete_fields
        if isinstance(column, EncryptedTextField)
    ]


def values() -> Iterator[tuple[Column, int, str]]:
    """Each encrypted value as it stands in the database, with its place."""
    for column in columns():
        query = sql.SQL("SELECT {key}, {name} FROM {table} WHERE {name} <> '' ORDER BY {key}")
        with connection.cursor() as cursor:
            cursor.execute(_filled(query, column))
            rows = cursor.fetchall()
        for key, token in rows:
            yield column, key, token


def rotate(*, dry_run: bool, progress: Callable[[int], None] = lambda more: None) -> Rotated:
    """Rotate what is not under the first key yet; a value that changes meanwhile is left, as it was just written with that key."""
    done, first = Rotated(), Fernet(settings.FIELD_ENCRYPTION_KEYS[0])
    for column, key, token in values():
        if _is_under(first, token):
            done.current += 1
        else:
            _rotate(column, key, token, done, dry_run=dry_run)
        progress(1)
    return done


def _is_under(key: Fernet, token: str) -> bool:
    try:
        key.decrypt(token)
    except InvalidToken:
        return False
    return True


def _rotate(column: Column, key: int, token: str, done: Rotated, *, dry_run: bool) -> None:
    try:
        renewed = fields.encrypt(fields.decrypt(token))
    except UnreadableSecret:
        done.unreadable.append(f"{column.table}.{column.name} {key}")
        return
    done.rotated += 1
    if not dry_run:
        query = sql.SQL("UPDATE {table} SET {name} = %s WHERE {key} = %s AND {name} = %s")
        with connection.cursor() as cursor:
            cursor.execute(_filled(query, column), [renewed, key, token])


def _filled(query: sql.SQL, column: Column) -> str:
    names = {part: sql.Identifier(getattr(column, part)) for part in ("table", "key", "name")}
    return query.format(**names).as_string()
