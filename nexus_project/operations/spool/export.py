"""Copy what is not stored to a file, so that it can be carried away: nothing is changed."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import msgspec

from nexus_project.operations.spool.file import Carried
from proxy.record import Record
from proxy.relay.shipping.shipper import MAX_BYTES, MAX_RECORDS
from proxy.relay.spool.inspect import Inspection, inspect_spool, spool_directories
from proxy.store.bodies.encryption import BrokenSeal, KeyUnavailable
from proxy.store.ingest import dead_letters
from proxy.store.ingest.replay import arrived
from proxy.store.models import DeadLetter


def everything(root: Path, unusable: Callable[[str], None], step: Callable[[int], None]) -> Iterator[Carried]:
    """What waits in the directories, then dead letters."""
    for waiting_record in chain(waiting_records(root, unusable), dead_letter_records(unusable)):
        yield waiting_record
        step(1)


def waiting_records(root: Path, unusable: Callable[[str], None], *, held: bool = True) -> Iterator[Carried]:
    """The ended records that did not arrive: of every directory, or of those alone that no process holds."""
    for folder in spool_directories(root):
        try:
            found = inspect_spool(folder)
        except OSError as error:
            unusable(f"{folder} cannot be used ({error}): fix its rights or the disk")
            continue
        if held or not found.held:
            yield from _records(found, unusable)


def _records(found: Inspection, unusable: Callable[[str], None]) -> Iterator[Carried]:
    if found.unread:
        unusable(
            f"{len(found.unread)} files of {found.folder} cannot be read ({found.why}), so that their records are left out:"
            " fix their rights or the disk"
        )
    for serials in _batches(found):
        read = [record for serial in serials if (record := _record(found, serial, unusable))]
        yield from (Carried(found.left.id, record) for record in _new(found.left.id, read))


def _record(found: Inspection, serial: int, unusable: Callable[[str], None]) -> Record | None:
    try:
        return found.record(serial)
    except OSError as error:
        unusable(f"record {serial} in {found.folder} cannot be read now ({error}): fix the disk, try again")
        return None


def _batches(found: Inspection) -> Iterator[list[int]]:
    """As many at once as the shipper takes."""
    batch, size = list[int](), 0
    for serial in sorted(found.frames.keys() - found.incomplete):
        if not found.ended(serial):
            continue
        if len(batch) == MAX_RECORDS or size > MAX_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(serial)
        size += found.size(serial)
    yield batch


def _new(spool: str, records: list[Record]) -> list[Record]:
    """Asked after they were read: what vanished under the reader's eyes is stored by now."""
    known = arrived(spool, {record.serial: record.head.id for record in records})
    return [record for record in records if record.serial not in known]


def dead_letter_records(unusable: Callable[[str], None]) -> Iterator[Carried]:
    """What PostgreSQL refused."""
    for row in DeadLetter.objects.waiting().order_by("pk").iterator(chunk_size=10):
        try:
            yield Carried(str(row.spool), dead_letters.record_of(row), row.error)
        except (msgspec.DecodeError, BrokenSeal, KeyUnavailable) as error:
            unusable(f"{row} cannot be read ({error}): it stays in proxy_setaside")
