"""Rows as bytes of a file, part by part; the first chunk comes before the first row is looked for."""

import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from dashboard.api.resources.request_export.columns import COLUMNS, Row
from dashboard.table_files import csv_lines, json_lines

# The last line of a file that could not be read to its end. Parquet without its end cannot be opened at all.
BROKEN_OFF = "This export broke off here: the dashboard's log says why. Ask for it again."
_GROUP_ROWS = 10_000


def as_csv(parts: Iterator[list[Row]], columns: Mapping[str, type] = COLUMNS) -> Iterator[bytes]:
    """RFC 4180, UTF-8, one line of names above."""
    yield csv_lines([columns])
    for part in parts:
        yield csv_lines(part)


def as_json_lines(parts: Iterator[list[Row]], columns: Mapping[str, type] = COLUMNS) -> Iterator[bytes]:
    """An object a line."""
    yield b""  # the head of the response goes out
    for part in parts:
        yield json_lines(dict(zip(columns, row, strict=True)) for row in part)


def as_parquet(parts: Iterator[list[Row]], columns: Mapping[str, type] = COLUMNS) -> Iterator[bytes]:
    """Row groups of GROUP_ROWS at least; ids are texts, times are in UTC."""
    # Here, not above: pyarrow takes a second and 60 MB, which the other forms do not need.
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {int: pa.int64(), float: pa.float64(), datetime: pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, types.get(kind, pa.string())) for name, kind in columns.items()])
    file, waiting = _Chunks(), list[Row]()
    writer = pq.ParquetWriter(file, schema, compression="zstd")

    def write() -> None:
        columns = [
            pa.array(
                [str(row[place]) if isinstance(row[place], UUID) else row[place] for row in waiting], kind
            )
            for place, kind in enumerate(schema.types)
        ]
        writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        waiting.clear()

    yield file.taken()
    for part in parts:
        waiting += part
        if len(waiting) >= _GROUP_ROWS:
            write()
        yield file.taken()
    if waiting:
        write()
    writer.close()
    yield file.taken()


class _Chunks(io.RawIOBase):
    """A file that hands out what was written to it since the last time."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        self._size += len(self._written[-1])
        return len(self._written[-1])

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        chunks, self._written = self._written, []
        return b"".join(chunks)
