"""What a worker does."""

from celery import shared_task
from django.db import InterfaceError, OperationalError, connection

from proxy.record import INGEST_TASK, decode_batch
from proxy.store.ingest import ingest as ingest_batch


@shared_task(
    name=INGEST_TASK,
    ignore_result=False,  # the shipper deletes from its spool what was reported stored
    acks_late=True,
    serializer="msgpack",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=1,
    retry_backoff_max=30,
    retry_kwargs={"argsrepr": "(batch,)"},  # or Celery logs what is in it
    max_retries=None,
)
def ingest(payload: bytes) -> int:
    """Store a batch (`proxy.record.encode_batch`); how many of its records were new.

    While the database is away it is tried again for ever, at most 30 s apart.
    """
    connection.close_if_unusable_or_obsolete()
    return ingest_batch(decode_batch(payload))
