"""Fit any value into PostgreSQL's columns: what one cannot hold is shortened or replaced, never refused."""

from functools import cache

import msgspec
from django.contrib.postgres.fields import ArrayField
from django.db import models

# jsonb is parsed by recursion; no real value comes near this depth.
_DEPTH = 50
# Bytes of JSON in one column. No real value comes near it either, and PostgreSQL takes seconds for a million keys.
_LONGEST = 1024**2
INTEGERS = {
    "SmallIntegerField": 2**15 - 1,
    "IntegerField": 2**31 - 1,
    "BigIntegerField": 2**63 - 1,
}


def fit(row: models.Model) -> None:
    """Make texts, integers and JSON of an unsaved row fit their columns. Integers below zero become zero."""
    texts, integers = _bounded(type(row))
    values = row.__dict__
    for name, limit in texts:
        if values[name]:
            values[name] = text(values[name], limit)
    for name, highest in integers:
        if values[name]:
            values[name] = min(max(values[name], 0), highest)
    for name in documents(type(row)):
        if values[name] is not None:
            values[name] = json_value(values[name])


@cache
def documents(model: type[models.Model]) -> frozenset[str]:
    """The columns of a model that hold JSON."""
    return frozenset(
        field.attname for field in model._meta.concrete_fields if isinstance(field, models.JSONField)
    )


@cache
def lists_of_numbers(model: type[models.Model]) -> tuple[int, ...]:
    """The places of a model's columns that hold arrays of integers, none of them null."""
    return tuple(
        place
        for place, field in enumerate(model._meta.concrete_fields)
        if isinstance(field, ArrayField)
        and isinstance(field.base_field, models.IntegerField)
        and not field.null
    )


@cache
def _bounded(model: type[models.Model]) -> tuple[list[tuple[str, int | None]], list[tuple[str, int]]]:
    fields = model._meta.concrete_fields
    return (
        [
            (field.attname, field.max_length)
            for field in fields
            if isinstance(field, models.CharField | models.TextField)
        ],
        [
            (field.attname, INTEGERS[field.get_internal_type()])
            for field in fields
            if field.get_internal_type() in INTEGERS
        ],
    )


def text(value: str, limit: int | None = None) -> str:
    """`value` without NUL and lone surrogates, at most `limit` characters."""
    clipped = value.replace("\x00", "")[:limit]
    return clipped if clipped.isascii() else clipped.encode("utf-8", "replace").decode()


def json_value(value: object) -> object:
    """`value` as jsonb can hold it; it is the same object unless something had to be replaced. What is far too long is None."""
    try:
        encoded = msgspec.json.encode(value)
    except (ValueError, OverflowError, TypeError, RecursionError):
        return _cleaned(value, 0)
    if len(encoded) > _LONGEST:
        return None
    if b"\\u0000" in encoded or encoded.count(b"{") + encoded.count(b"[") > _DEPTH:
        return _cleaned(value, 0)
    return value


def _cleaned(value: object, depth: int) -> object:
    if depth > _DEPTH:
        return None
    if isinstance(value, dict):
        return {text(str(name)): _cleaned(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item, depth + 1) for item in value]
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int) and value.bit_length() > 64:
        return None
    return value
