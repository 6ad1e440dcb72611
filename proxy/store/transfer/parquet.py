"""An export as Parquet: typed columns in row groups that fit into memory, for tools that analyse.

Only imported when it is used: pyarrow takes a second and 60 MB.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from django.contrib.postgres.fields import ArrayField
from django.db import models

from proxy.store.models import Price
from proxy.store.transfer.line import COLUMNS, SIDES, LineError
from proxy.store.transfer.priced import Priced

_GROUP_ROWS = 10_000
_GROUP_BYTES = 16 * 1024**2
_READ_ROWS = 64

_TYPES: Mapping[str, pa.DataType] = {
    "UUIDField": pa.string(),
    "CharField": pa.string(),
    "TextField": pa.string(),
    "JSONField": pa.string(),
    "BooleanField": pa.bool_(),
    "SmallIntegerField": pa.int16(),
    "IntegerField": pa.int32(),
    "BigIntegerField": pa.int64(),
    "DateTimeField": pa.timestamp("us", tz="UTC"),
}
_HEADERS = pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))
_CHUNKS = pa.list_(pa.struct([("ms", pa.float64()), ("bytes", pa.int64())]))
_DOCUMENTS = [column.attname for column in COLUMNS if isinstance(column, models.JSONField)]


class Table:
    """Writes exchanges to a file that is open for bytes."""

    def __init__(self, file: IO[bytes], *, bodies: bool) -> None:
        self._schema = schema(bodies=bodies)
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def write(self, fields: Iterable[dict[str, Any]]) -> None:
        for field in fields:
            self._rows.append(_row(field))
            self._bytes += sum(len(field.get(f"{name}_body") or b"") for name in SIDES)
            if len(self._rows) >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
                self._flush()

    def close(self) -> None:
        """Write what is left and the file's end, without which it cannot be read."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._bytes = [], 0


def schema(*, bodies: bool) -> pa.Schema:
    """The columns, in the order of a line."""
    sides = [
        part
        for name in SIDES
        for part in (
            (f"{name}_headers", _HEADERS),
            (f"{name}_sha256", pa.string()),
            (f"{name}_dropped", pa.bool_()),
            (f"{name}_not_kept", pa.bool_()),
            *([(f"{name}_body", pa.binary())] if bodies else []),
        )
    ]
    prices = {field.attname: field for field in Price._meta.concrete_fields}
    price = pa.struct([(name, _type(prices[name])) for name in Priced.__struct_fields__])
    own = [(column.attname, _type(column)) for column in COLUMNS]
    return pa.schema(
        [
            ("nexus_export", pa.int16()),
            ("masked", pa.bool_()),
            *own,
            ("price", price),
            ("chunks", _CHUNKS),
            *sides,
        ]
    )


def lines(file: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file as fields of a line, with their numbers."""
    number = 0
    for batch in pq.ParquetFile(file).iter_batches(batch_size=_READ_ROWS):
        for row in batch.to_pylist():
            number += 1
            yield number, row


def decode(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of one row; what is empty in it is absent in a line."""
    try:
        return _fields(row)
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise LineError(f"not a row of export_traffic: {error}") from error


def _type(field: models.Field[Any, Any]) -> pa.DataType:
    if isinstance(field, ArrayField):
        return pa.list_(_type(field.base_field))
    if isinstance(field, models.DecimalField):
        return pa.decimal128(field.max_digits, field.decimal_places)
    return _TYPES[field.get_internal_type()]


def _row(fields: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()
    }
    for name in _DOCUMENTS:
        row[name] = None if row[name] is None else msgspec.json.encode(row[name]).decode()
    row["price"] = None if row["price"] is None else msgspec.structs.asdict(row["price"])
    if "chunks" in row:
        row["chunks"] = [{"ms": moment, "bytes": count} for moment, count in row["chunks"]]
        for side in SIDES:
            pairs = row[f"{side}_headers"]
            row[f"{side}_headers"] = [{"name": name, "value": value} for name, value in pairs]
    return row


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    fields = {name: _neutral(value) for name, value in row.items() if value is not None}
    for column in COLUMNS:
        if column.null:
            fields.setdefault(column.attname, None)
    for name in _DOCUMENTS:
        if fields.get(name) is not None:
            fields[name] = msgspec.json.decode(fields[name])
    if "chunks" in fields:
        fields["chunks"] = [[chunk["ms"], chunk["bytes"]] for chunk in fields["chunks"]]
    for side in SIDES:
        if f"{side}_headers" in fields:
            fields[f"{side}_headers"] = [
                [field["name"], field["value"]] for field in fields[f"{side}_headers"]
            ]
    return fields


def _neutral(value: Any) -> Any:
    """As JSON would have it."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case Decimal():
            return f"{value:f}"
        case dict():
            return {name: _neutral(item) for name, item in value.items()}
    return value
