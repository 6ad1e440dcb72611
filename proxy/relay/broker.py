"""Celery and Redis as the shipper sees them: send a batch, ask how it fares, report the spool's counts."""

import enum
import json

import redis
from celery import current_app
from celery.exceptions import CeleryError
from django.conf import settings
from kombu.exceptions import KombuError, OperationalError
from uuid_utils import uuid4

from proxy.record import INGEST_TASK, SPOOLS_KEY

_DOWN = (redis.RedisError, KombuError, OperationalError, CeleryError, OSError)
_SENT = "SENT"
KEY_PREFIX = "celery-task-meta-"  # of Celery's Redis result backend


class BrokerDown(Exception):
    """Redis does not answer; try again later, nothing was lost."""


class State(enum.Enum):
    """How a batch fares. GONE: Redis knows nothing of it (it was wiped)."""

    GONE = enum.auto()
    WAITING = enum.auto()
    TAKEN = enum.auto()
    FAILED = enum.auto()
    DONE = enum.auto()


_STATES = {
    "PENDING": State.GONE,
    _SENT: State.WAITING,
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
        try:
            current_app.backend.store_result(task_id, None, _SENT)
            current_app.send_task(
                INGEST_TASK,
                (payload,),
                task_id=task_id,
                serializer="msgpack",
                ignore_result=False,
                retry=False,
                argsrepr="(a batch)",  # the default would put bodies into Celery's own logs
            )
        except _DOWN as error:
            raise BrokerDown(type(error).__name__) from error
        return task_id

    def state(self, task_id: str) -> State:
        """What Redis knows of a batch."""
        try:
            raw = self._redis.get(KEY_PREFIX + task_id)
        except _DOWN as error:
            raise BrokerDown(type(error).__name__) from error
        status = json.loads(raw)["status"] if isinstance(raw, bytes) else "PENDING"
        return _STATES.get(status, State.TAKEN)

    def forget(self, task_id: str) -> None:
        """Remove a batch's marker."""
        try:
            current_app.backend.forget(task_id)
        except _DOWN as error:
            raise BrokerDown(type(error).__name__) from error

    def report(self, spool: str, state: str) -> None:
        """Tell the dashboard what a spool holds."""
        try:
            self._redis.hset(SPOOLS_KEY, spool, state)
        except _DOWN as error:
            raise BrokerDown(type(error).__name__) from error
