"""What a worker does."""

from celery import shared_task
from django.db import InterfaceError, OperationalError, connection

from proxy.record import INGEST_TASK, decode_batch
from proxy.store.ingest import ingest as ingest_batch


@shared_task(
    name=INGEST_TASK,
    ignore_result=False,  # the shipper deletes from its spool what was reported stored
    # The shipper sends again what a dead worker held, and an unacknowledged batch can end a worker that loses Redis.
    acks_late=False,
    serializer="msgpack",
    # Expected while the database is away: no traceback for each try.
    throws=(OperationalError, InterfaceError),
)
def ingest(payload: bytes) -> int:
    """Store a batch (`proxy.record.encode_batch`); how many of its records were new.

    It is not tried again here, so that an outage piles nothing up in Redis: the shipper, which holds the batch, sends it again.
    """
    connection.close_if_unusable_or_obsolete()
    return ingest_batch(decode_batch(payload))
