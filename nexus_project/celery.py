"""The Celery app: one queue for the record, one for messages to the outside, msgpack within zstd on the wire."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from celery import Celery
from celery.signals import celeryd_init, task_prerun, worker_ready
from django.conf import settings
from django.db import connections

from nexus_project import env
from proxy.record import INGEST_QUEUE, INGEST_TASK

env.use_settings("nexus_project.settings.worker")

# Traffic first: on a machine that they share, the proxy's streams must not wait while a batch is stored.
WORKER_NICENESS = 10
SESSION = Path("/proc/self/autogroup")

app = Celery("nexus")
app.conf.update(
    broker_url=settings.REDIS_URL or "memory://",
    result_backend=settings.REDIS_URL or None,
    result_expires=24 * 3600,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 300, "socket_timeout": 5, "socket_connect_timeout": 2},
    redis_socket_timeout=5.0,
    redis_socket_connect_timeout=2.0,
    redis_retry_on_timeout=False,
    task_publish_retry=False,
    accept_content=["json", "msgpack"],
    task_serializer="json",
    result_serializer="json",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_track_started=True,
    task_ignore_result=True,
    task_default_queue="nexus",
    task_routes={INGEST_TASK: {"queue": INGEST_QUEUE}},
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    timezone="UTC",
    # Celery would close the database connection before and after each task: a quarter of what a batch costs.
    CELERY_DB_REUSE_MAX=sys.maxsize,
    # What nobody took until the next one is due is not worth doing twice.
    beat_schedule={
        "token-report": {"task": "proxy.token_report", "schedule": 10.0, "options": {"expires": 10}},
        "watch-losses": {"task": "proxy.watch_losses", "schedule": 10.0, "options": {"expires": 10}},
        "watch-logins": {"task": "proxy.watch_logins", "schedule": 10.0, "options": {"expires": 10}},
        "reconcile-limits": {"task": "proxy.reconcile_limits", "schedule": 10.0, "options": {"expires": 10}},
        "find": {"task": "proxy.find", "schedule": 60.0, "options": {"expires": 60}},
        "fold-breakdowns": {
            "task": "proxy.fold_breakdowns",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
        "partitions": {"task": "proxy.partitions", "schedule": 3600.0, "options": {"expires": 3600}},
        "retention": {"task": "proxy.retention", "schedule": 3600.0, "options": {"expires": 3600}},
    },
)
app.autodiscover_tasks(["accounts", "proxy.store", "proxy.store.notifications"])


@task_prerun.connect
def renew_connections(**_: object) -> None:
    """Part with a connection that the server closed meanwhile; a sound one is kept, and one within its caller's transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


@celeryd_init.connect
def yield_to_the_proxy(**_: object) -> None:
    """Lower the worker's own priority; its pool inherits it."""
    os.nice(WORKER_NICENESS)


@worker_ready.connect
def yield_as_a_session(**_: object) -> None:
    """The same for a session that is the worker's own, as a supervisor makes one, once it has started.

    Linux weighs sessions against each other before it looks at the niceness within them (autogroup, sched(7)).
    """
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # no such thing: another system, or switched off
            SESSION.write_text(str(WORKER_NICENESS))
