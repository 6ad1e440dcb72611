"""Redis, and Celery's worker behind it, as the shipper sees them: send a batch, ask how it fares, report the spool's counts."""

import enum
import json
from collections.abc import Iterable, Sequence

import msgspec
import redis
from django.conf import settings
from uuid_utils import uuid4

from proxy.heartbeat import SPOOLS_KEY, Heartbeat
from proxy.record import INGEST_QUEUE
from proxy.relay.shipping.task_message import task_message

_DOWN = (redis.RedisError, OSError)
KEY_PREFIX = "celery-task-meta-"  # of Celery's Redis result backend
MARKER_SECONDS = 24 * 3600


class BrokerDown(Exception):
    """Redis does not answer; try again later, nothing was lost."""


class State(enum.Enum):
    """How a batch fares. GONE: Redis knows nothing of it (it was wiped)."""

    GONE = enum.auto()
    WAITING = enum.auto()
    TAKEN = enum.auto()
    FAILED = enum.auto()
    DONE = enum.auto()


_UNREPORTED = "PENDING"
_STATES = {
    "SUCCESS": State.DONE,
    "FAILURE": State.FAILED,
    "REVOKED": State.FAILED,
}


class Broker:
    """Used by one thread. Every method raises BrokerDown when Redis does not answer within seconds."""

    def __init__(self) -> None:
        self._redis = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)

    def send(self, payload: bytes) -> str:
        """Publish one batch; its task id. A marker beside it tells a waiting batch from one that was wiped."""
        task_id = str(uuid4())
        marker: dict[str, object] = {
            "status": "PENDING",
            "result": None,
            "traceback": None,
            "children": [],
            "task_id": task_id,
        }
        try:
            both = self._redis.pipeline()  # in one transaction
            both.set(KEY_PREFIX + task_id, json.dumps(marker), ex=MARKER_SECONDS)
            both.lpush(INGEST_QUEUE, task_message(task_id, payload))
            both.execute()
        except _DOWN as error:
            raise BrokerDown(type(error).__name__) from error
        return task_id

    def states(self, task_ids: Sequence[str]) -> list[State]:
        """What Redis knows of each batch, by one question."""
        if not task_ids:
            return []
        try:
            both = self._redis.pipeline()
            both.mget([KEY_PREFIX + task_id for task_id in task_ids])
            both.llen(INGEST_QUEUE)
            reports, queued = both.execute()
        except _DOWN as error:
            raise BrokerDown(type(error).__name__) from error
        return [_state(report, queued) for report in reports]

    def forget(self, task_ids: Sequence[str]) -> None:
        """Remove what Redis knows of these batches."""
        if not task_ids:
            return
        try:
            self._redis.delete(*(KEY_PREFIX + task_id for task_id in task_ids))
        except _DOWN as error:
            raise BrokerDown(type(error).__name__) from error

    def keep(self, task_ids: Iterable[str]) -> None:
        """Let the markers of waiting batches outlive a worker that is away for days."""
        try:
            markers = self._redis.pipeline(transaction=False)
            for task_id in task_ids:
                markers.expire(KEY_PREFIX + task_id, MARKER_SECONDS)
            markers.execute()
        except _DOWN as error:
            raise BrokerDown(type(error).__name__) from error

    def report(self, spool: str, beat: Heartbeat) -> None:
        """Tell the dashboard what a spool holds. A spool's last word stays: it tells a gap from what still waits on a disk."""
        try:
            self._redis.hset(SPOOLS_KEY, spool, msgspec.json.encode(beat))
        except _DOWN as error:
            raise BrokerDown(type(error).__name__) from error

    def close(self) -> None:
        self._redis.close()


def _state(report: bytes | None, queued: int) -> State:
    """Unreported with an empty queue means taken: a worker may have died with it."""
    if report is None:
        return State.GONE
    status = json.loads(report)["status"]
    return State.WAITING if status == _UNREPORTED and queued else _STATES.get(status, State.TAKEN)
