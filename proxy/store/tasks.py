"""What a worker does."""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from celery import shared_task
from celery.signals import worker_shutdown
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from redis.exceptions import RedisError

from proxy import token_stats
from proxy.batch import decode
from proxy.record import INGEST_TASK, Part
from proxy.store import pulse
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.findings import tool_sums, writing
from proxy.store.ingest.batch import ingest as ingest_batch
from proxy.store.ingest.batch import take_part
from proxy.store.ingest.result_parts import PartMissing
from proxy.store.listeners import limits
from proxy.store.months import retention
from proxy.store.notifications import logins, loss_check
from proxy.store.postgres import partitions
from proxy.store.sums import folding
from proxy.store.token_report import report

log = logging.getLogger("nexus.ingest")


@shared_task(
    name=INGEST_TASK,
    ignore_result=False,  # the shipper deletes from its spool what was reported stored
    # The shipper sends again what a dead worker held, and an unacknowledged batch can end a worker that loses Redis.
    acks_late=False,
    serializer="msgpack",
    # Expected while the database is away, or a key or a part is missing: no traceback for each try.
    throws=(OperationalError, InterfaceError, KeyUnavailable, PartMissing),
)
def ingest(payload: bytes) -> int:
    """Store a batch or take in a part (`proxy.batch`); how many records were new.

    It is not tried again here, so that an outage piles nothing up in Redis: the shipper, which holds the batch, sends it again.
    """
    try:
        message = decode(payload)
        return take_part(message) if isinstance(message, Part) else ingest_batch(message)
    except (OperationalError, InterfaceError) as error:
        log.warning(
            "ingest.database_down",
            extra={"why": f"{type(error).__name__}: {error}", "next": "the shipper sends it again"},
        )
        raise
    except KeyUnavailable as error:
        log.error("ingest.key_missing", extra={"why": str(error), "next": "the shipper sends it again"})
        raise
    except PartMissing as error:
        log.warning(
            "ingest.part_missing",
            extra={"why": str(error), "next": "the shipper sends it from the beginning"},
        )
        raise


@shared_task(name="proxy.watch_losses", throws=(OperationalError, InterfaceError, RedisError))
def watch_losses() -> None:
    """Note and tell what the spools lost; beat asks for it every ten seconds."""
    loss_check.watch()


@shared_task(name="proxy.find", throws=(OperationalError, InterfaceError))
def find() -> None:
    """Look for cache breaks and loops in conversations that have rested; beat asks for it every minute."""
    writing.run(timezone.now())


@shared_task(name="proxy.fold_breakdowns", throws=(OperationalError, InterfaceError))
def fold_breakdowns() -> None:
    """Bound how many values the days that are over have, and forget what is over; beat asks for it every hour."""
    folding.fold_recent()
    tool_sums.forget()


@shared_task(name="proxy.watch_logins", throws=(OperationalError, InterfaceError, RedisError))
def watch_logins() -> None:
    """Tell which credentials need a login; beat asks for it every ten seconds."""
    logins.watch()


@shared_task(name="proxy.reconcile_limits", throws=(OperationalError, InterfaceError, RedisError))
def reconcile_limits() -> None:
    """Give Redis the database's sums of what was spent; beat asks for it every ten seconds."""
    limits.reconcile()


_started = time.monotonic()
tokens_log = logging.getLogger("nexus.tokens")
REPORT_SECONDS = 10


@shared_task(name="proxy.token_report")
def token_report() -> None:
    """Print the tokens per domain, as long as there is traffic; beat asks for it every REPORT_SECONDS."""
    with suppress(RedisError, ValueError):  # ValueError: REDIS_URL is not set
        pulse.note()
    stats = token_stats.all_domains()
    newest_ms = max((stat["lastUpdated"] for stat in stats.values()), default=0)
    if time.time() * 1000 - newest_ms < 2 * REPORT_SECONDS * 1000:
        _print(stats)


@shared_task(name="proxy.partitions", throws=(OperationalError, InterfaceError))
def make_partitions() -> None:
    """Make the months ahead; beat asks for it every hour."""
    partitions.ensure_ahead(timezone.now())


@shared_task(name="proxy.retention", throws=(OperationalError, InterfaceError))
def apply_retention() -> None:
    """Drop the months that are past their time; beat asks for it every hour."""
    retention.run(timezone.now())


@worker_shutdown.connect
def last_token_report(**signal: object) -> None:
    """Print them once more when a worker ends."""
    try:
        _print(token_stats.all_domains())
    except (OperationalError, InterfaceError):
        log.info("tokens.database_down", extra={"lost": "the last report"})
    finally:
        connection.close()


def _print(stats: Mapping[str, token_stats.DomainStats]) -> None:
    tokens_log.info("\n%s", report(stats, timedelta(seconds=time.monotonic() - _started)))
