"""A dead letter holds bodies: it is encrypted as they are, under the key of the month in which that happened."""

from datetime import date, datetime
from uuid import UUID

from proxy.record import Record, decode_record, encode
from proxy.store.bodies import data_keys
from proxy.store.bodies.encryption import is_sealed
from proxy.store.models import DeadLetter


def packed(record: Record, spool: UUID, moment: datetime) -> bytes:
    """`DeadLetter.record` of a row whose `created_at` is `moment` (in UTC)."""
    return data_keys.seal_of(_month(moment)).close(encode(record), _label(spool, record.serial))


def record_of(row: DeadLetter) -> Record:
    """The record of a dead letter; KeyUnavailable, BrokenSeal or msgspec.DecodeError where its row cannot be read."""
    data = bytes(row.record)
    if is_sealed(data):
        seal = data_keys.needed_seal(_month(row.created_at))
        data = seal.open(data, _label(row.spool, row.serial))
    return decode_record(data)


def _month(moment: datetime) -> date:
    return moment.date().replace(day=1)


def _label(spool: UUID, serial: int) -> bytes:
    return b"set aside " + spool.bytes + str(serial).encode()
