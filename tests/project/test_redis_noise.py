"""What is said of a Redis that is away, and what is let through."""

import logging

import pytest
import redis
from django.db import OperationalError
from kombu.exceptions import OperationalError as BrokerError

from nexus_project.redis_noise import RedisNoise


def record(name: str, message: str, error: Exception | None = None) -> logging.LogRecord:
    found = (type(error), error, None) if error else None
    return logging.LogRecord(name, logging.ERROR, "file", 1, message, (), found)


def test_a_hundred_lines_are_one_a_minute_that_counts_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    monkeypatch.setattr("nexus_project.redis_noise.time.monotonic", lambda: now[0])
    noise = RedisNoise()
    lost = record("celery.worker.consumer.consumer", "consumer: Cannot connect to redis://…\nTrying again")
    failed = record("nexus.announce", "announce.failed", redis.exceptions.ConnectionError("refused"))
    beat = record("celery.beat", "Message Error", BrokerError("refused"))

    passed = []
    for seconds in range(100):
        now[0] = 1000.0 + seconds
        passed += [noise.filter(lost), noise.filter(failed), noise.filter(beat)]

    assert not any(passed)
    assert caplog.messages == ["broker.redis_down"] * 2
    assert [item.__dict__["times"] for item in caplog.records] == [1, 180]
    assert "\n" not in caplog.records[0].__dict__["why"]


@pytest.mark.parametrize(
    "said",
    [
        record("celery.worker.consumer.consumer", "something else"),
        record("nexus.relay", "Cannot connect to upstream"),
        record("nexus.announce", "announce.failed", ValueError("a defect")),
        record("nexus.announce", "announce.failed", redis.exceptions.ResponseError("WRONGTYPE")),
        record("nexus.ingest", "ingest.database_down", OperationalError("gone")),
    ],
    ids=lambda said: said.msg,
)
def test_everything_else_is_let_through(said: logging.LogRecord, caplog: pytest.LogCaptureFixture) -> None:
    assert RedisNoise().filter(said)
    assert caplog.messages == []
