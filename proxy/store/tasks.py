"""What a worker does."""

import logging

from celery import shared_task
from django.db import InterfaceError, OperationalError, connection

from proxy.record import INGEST_TASK, decode_batch
from proxy.store.ingest import ingest as ingest_batch

log = logging.getLogger("nexus.ingest")


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
    try:
        return ingest_batch(decode_batch(payload))
    except (OperationalError, InterfaceError) as error:
        log.warning(
            "ingest.database_down",
            extra={"why": f"{type(error).__name__}: {error}", "next": "the shipper sends it again"},
        )
        raise
