"""Write the chosen exchanges to a file, in memory that does not grow with their number."""

import io
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol, cast

from proxy.store.bodies.traffic import Whole
from proxy.store.transfer import files, jsonl
from proxy.store.transfer.line import fields_of
from proxy.store.transfer.masked import masked
from proxy.store.transfer.priced import Prices
from proxy.store.transfer.reading import read
from proxy.store.transfer.selection import Selection

Form = Literal["jsonl", "parquet"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How an export is written. `path` None is standard output."""

    form: Form
    path: Path | None
    bodies: bool
    mask: bool = False


@dataclass(slots=True)
class Exported:
    """What was written. `bytes` before compression by the file's name; `damaged` counts bodies or headers that cannot be read."""

    exchanges: int = 0
    bytes: int = 0
    without_traffic: int = 0
    damaged: int = 0
    seconds: float = 0.0


class _Writer(Protocol):
    def write(self, fields: Iterable[dict[str, Any]]) -> None: ...
    def close(self) -> None: ...


def export(selection: Selection, manner: Manner, progress: Callable[[int], None]) -> Exported:
    """Write all that is selected; `progress` hears how many more are written."""
    done = Exported()
    started = time.monotonic()
    with files.written(manner.path) as file:
        counted = _Counted(file)
        writer = _writer(manner, cast(IO[bytes], counted))
        fields = _Fields(done, manner)
        for group in selection.groups():
            writer.write(fields.of(read(group, bodies=manner.bodies)))
            progress(len(group))
        writer.close()
    done.bytes = counted.bytes
    done.seconds = round(time.monotonic() - started, 3)
    return done


def _writer(manner: Manner, file: IO[bytes]) -> _Writer:
    if manner.form == "jsonl":
        return jsonl.Lines(file)
    # Here, not above: pyarrow takes a second and 60 MB, which lines of JSON do not need.
    from proxy.store.transfer import parquet

    return parquet.Table(file, bodies=manner.bodies)


class _Fields:
    """Wholes as fields of lines, counted on their way."""

    def __init__(self, done: Exported, manner: Manner) -> None:
        self._done = done
        self._masks = manner.mask
        self._prices = Prices()

    def of(self, wholes: Iterable[Whole]) -> Iterator[dict[str, Any]]:
        for whole in wholes:
            self._count(whole)
            fields = fields_of(whole, self._prices)
            yield masked(fields) if self._masks else fields

    def _count(self, whole: Whole) -> None:
        self._done.exchanges += 1
        if whole.traffic is None:
            self._done.without_traffic += 1
        else:
            self._done.damaged += whole.traffic.request.damaged + whole.traffic.response.damaged


class _Counted(io.RawIOBase):
    """Counts what goes into a file, which it does not close."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._file.write(data)
        self.bytes += len(data)
        return len(data)
