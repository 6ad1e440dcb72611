"""Store what waits on disks, dead letters or what lies in a file, through ingest and without Redis or a proxy."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nexus_project.operations.spool.export import waiting_records
from nexus_project.operations.spool.file import Unreadable, read_lines
from proxy.record import Batch, Record
from proxy.relay.shipping.parts import Parts, parts_of
from proxy.relay.shipping.shipper import MAX_BYTES, MAX_RECORDS
from proxy.relay.spool.assemble import read_record
from proxy.relay.spool.directory import look_into
from proxy.relay.spool.inspect import is_held, spool_directories
from proxy.relay.spool.recovery import claim_directory, holds_something
from proxy.relay.spool.salvage import salvaged
from proxy.relay.spool.spool import Spool
from proxy.store.ingest import replay
from proxy.store.models import DeadLetter

Step = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to replay."""

    slots: bool
    dead_letters: bool
    file: Path | None


@dataclass(slots=True)
class Replayed:
    """How it went. `held` are directories of running processes, which ship for themselves; `left` says what could not be done."""

    stored: int = 0
    known: int = 0
    held: int = 0
    left: list[str] = field(default_factory=list)

    def add(self, stored: int, of: int) -> None:
        self.stored += stored
        self.known += of - stored


def replay_all(root: Path, limit_bytes: int, wishes: Wishes, step: Step) -> Replayed:
    """Do it; raises OSError where the file cannot be read."""
    done = Replayed()
    if wishes.slots:
        _replay_directories(root, limit_bytes, done, step)
    if wishes.dead_letters:
        _replay_dead_letters(done, step)
    if wishes.file:
        _replay_file(wishes.file, done, step)
    return done


def would(root: Path, wishes: Wishes, step: Step) -> Replayed:
    """What there is to do, with nothing done: `stored` counts what would be tried."""
    found = Replayed()
    if wishes.slots:
        found.held = sum(is_held(folder) for folder in spool_directories(root))
        for _ in waiting_records(root, found.left.append, held=False):
            found.stored += 1
            step(1)
        found.stored += sum(
            _is_new(left.spool, left.record)
            for folder in spool_directories(root)
            for left in salvaged(folder)
        )
    if wishes.dead_letters:
        found.stored += DeadLetter.objects.waiting().count()
    if wishes.file:
        for number, line in read_lines(wishes.file):
            if isinstance(line, Unreadable):
                found.left.append(_no_record(wishes.file, number, line))
            else:
                found.add(_is_new(line.spool, line.record), 1)
            step(1)
    return found


def _is_new(spool: str, record: Record) -> bool:
    return not replay.arrived(spool, {record.serial: record.head.id})


def _replay_directories(root: Path, limit_bytes: int, done: Replayed, step: Step) -> None:
    """Ship what lies in directories that nobody holds, and what can be read again of damaged bytes."""
    for folder in spool_directories(root):
        try:
            if holds_something(folder):
                _replay_directory(folder, limit_bytes, done, step)
            _replay_damaged(folder, done, step)
        except OSError as error:
            done.left.append(f"{folder} cannot be used ({error}): fix its rights or the disk")


def _replay_directory(folder: Path, limit_bytes: int, done: Replayed, step: Step) -> None:
    before = look_into(folder).dropped
    spool = claim_directory(folder, limit_bytes)
    if spool is None:
        done.held += 1
        return
    try:
        while serials := spool.take(MAX_RECORDS, MAX_BYTES):
            _replay_batch(spool, serials, done)
            spool.discard(serials)
            step(len(serials))
        replay.store(_batch(spool, []))  # what was dropped on the way
    finally:
        spool.shut()
    if spool.dropped > before:
        done.left.append(
            f"{folder}: {spool.dropped - before} damaged records were moved to its folder `damaged`"
        )
    if spool.unreadable or not spool.whole:
        done.left.append(
            f"{folder}: {spool.unreadable} records or more cannot be read now and stay: fix the disk, or the files' rights,"
            " and repeat"
        )


def _replay_batch(spool: Spool, serials: list[int], done: Replayed) -> None:
    """Store what was taken; what cannot be read now is put off."""
    try:
        if parts := parts_of(spool, serials):
            done.add(_store_parts(parts), 1)
            return
    except OSError as error:
        spool.put_off(serials, error)
        return
    records = [found for serial in serials if (found := _read(spool, serial))]
    done.add(replay.store(_batch(spool, records)), len(records))


def _read(spool: Spool, serial: int) -> Record | None:
    try:
        return read_record(spool, serial)
    except OSError as error:
        spool.put_off([serial], error)
        return None


def _store_parts(parts: Parts) -> int:
    new = replay.store_part(parts.take())
    while parts.more:
        new += replay.store_part(parts.take())
    return new


def _batch(spool: Spool, records: list[Record]) -> Batch:
    return Batch(spool.id, spool.accepted, spool.dropped, records, spool.bodies_dropped)


def _replay_damaged(folder: Path, done: Replayed, step: Step) -> None:
    for left in salvaged(folder):
        done.add(replay.store_dropped(left.spool, left.record), 1)
        for path in left.files:
            path.unlink(missing_ok=True)
        step(1)


def _replay_dead_letters(done: Replayed, step: Step) -> None:
    """Try again what PostgreSQL refused."""
    waiting = DeadLetter.objects.waiting().order_by("pk")
    for key, spool, serial in list(waiting.values_list("pk", "spool", "serial")):
        why = replay.retry(key)
        if why:
            done.left.append(f"record {serial} of spool {spool} stays a dead letter: {why}")
        else:
            done.stored += 1
        step(1)


def _replay_file(path: Path, done: Replayed, step: Step) -> None:
    """Store the records of an export; raises OSError."""
    spool, records, size = "", list[Record](), 0
    for number, line in read_lines(path):
        if isinstance(line, Unreadable):
            done.left.append(_no_record(path, number, line))
            continue
        full = len(records) >= MAX_RECORDS or size >= MAX_BYTES
        if records and (full or line.spool != spool):
            _store_carried(spool, records, done, step)
            records, size = [], 0
        spool = line.spool
        records.append(line.record)
        size += len(line.record.request_body) + len(line.record.response_body)
    if records:
        _store_carried(spool, records, done, step)


def _store_carried(spool: str, records: list[Record], done: Replayed, step: Step) -> None:
    done.add(replay.store(Batch(spool, 0, 0, records)), len(records))
    step(len(records))


def _no_record(path: Path, number: int, line: Unreadable) -> str:
    return f"line {number} of {path} is no record of an export ({line.why}): export it again"
