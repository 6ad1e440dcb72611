"""A Redis that a test may wipe and stop, with a Celery app that is the product's own but for the address."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.test import override_settings

from nexus_project.celery import app as product
from nexus_project.stack.servers.redis import Redis

# Celery's own result backend calls what redis-py would rather have called otherwise.
celery_may_be_old_fashioned = pytest.mark.filterwarnings("ignore:Call to deprecated setex")


class OwnRedis:
    """`stop` and `start` it; `client` reads what lies in it."""

    def __init__(self, folder: Path) -> None:
        self.server = Redis(folder, temporary=True)
        self.client = redis.Redis.from_url(self.server.url)

    def stop(self) -> None:
        self.server.daemon.stop()

    def waiting(self) -> int:
        """Messages in the queue of the worker that ingests."""
        return int(self.client.llen("ingest"))

    def keys_of(self, task_id: str) -> list[object]:
        """What is kept of one batch; a subscription to its result counts as well."""
        found: list[object] = [key for key in self.client.scan_iter() if task_id.encode() in key]
        return found + [channel for channel in self.client.pubsub_channels() if task_id in str(channel)]

    def heartbeat(self, spool_id: str) -> bytes | None:
        return self.client.hget("nexus:spools", spool_id)  # type: ignore[return-value]  # as above


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    """Within, it is the Redis of settings and of Celery."""
    with tempfile.TemporaryDirectory(prefix="nexus-redis-") as folder:
        own = OwnRedis(Path(folder))
        url = own.server.url
        app = Celery("shipping", set_as_current=False)
        app.conf.update({**(product.conf.changes or {}), "broker_url": url, "result_backend": url})
        app.set_default()
        app.set_current()
        try:
            with override_settings(REDIS_URL=url):
                yield own
        finally:
            product.set_default()
            product.set_current()
            app.pool.force_close_all()  # type: ignore[attr-defined]  # its stubs name another pool
            app.close()
            own.client.close()
            own.stop()
