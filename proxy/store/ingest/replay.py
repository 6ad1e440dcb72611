"""Store records that do not come from the queue: left on a disk, dead letters, dropped or carried here in a file.

Nobody is notified of them as news. All of it can be done again: what is stored already stays as it is.
"""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F

from proxy.record import Batch, Part, Record
from proxy.store.bodies.encryption import BrokenSeal, KeyUnavailable
from proxy.store.ingest import dead_letters
from proxy.store.ingest.batch import ingest, take_part
from proxy.store.models import DeadLetter, Receipt, Spool


def arrived(spool: str, ids: Mapping[int, str]) -> set[int]:
    """Which serials of a spool are stored or dead letters; `ids` are their exchanges' ids."""
    wanted = {UUID(id_): serial for serial, id_ in ids.items() if _is_uuid(id_)}
    stored = {wanted[pk] for pk in Receipt.objects.filter(pk__in=wanted).values_list("pk", flat=True)}
    dead = DeadLetter.objects.filter(spool=spool, serial__in=list(ids)).values_list("serial", flat=True)
    return stored | set(dead)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def store(batch: Batch) -> int:
    """Store what is new of it; how many were."""
    return ingest(batch, quietly=True)


def store_part(part: Part) -> int:
    """The same for a part of a response."""
    return take_part(part, quietly=True)


def store_dropped(spool: str, record: Record) -> int:
    """Store a record that its spool had counted as dropped; 0 if it was stored before."""
    row = Spool.objects.filter(pk=spool)
    with transaction.atomic():
        # Before it is stored, or the spool would seem to have accepted one more.
        known = row.update(recovered=F("recovered") + 1)
        new = store(Batch(spool, 0, 0, [record]))
        row.update(recovered=F("recovered") + new - known)
    return new


def retry(key: int) -> str:
    """Try again to store a dead letter; "" if it is stored now, else why not."""
    row = DeadLetter.objects.get(pk=key)
    try:
        record = dead_letters.record_of(row)
    except (msgspec.DecodeError, BrokenSeal, KeyUnavailable) as error:
        return f"its record cannot be read ({error})"
    store(Batch(str(row.spool), 0, 0, [record]))
    row.refresh_from_db(fields=("stored_at", "error"))
    return "" if row.stored_at else row.error
