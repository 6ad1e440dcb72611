"""The message of a batch, held against the one that Celery's own client sends: a new Celery that changes it is noticed here."""

import base64
import json
import os
from typing import Any

import msgspec
from celery import current_app

from proxy.record import INGEST_QUEUE, INGEST_TASK
from proxy.relay.shipping.broker import Broker
from tests.relay.redis_server import OwnRedis, celery_may_be_old_fashioned

pytestmark = celery_may_be_old_fashioned

PAYLOAD = b"\x00a batch\xff" * 1000
# What is of the sender, not of the task: who it is, where it listens for results, and the number of the delivery.
SENDERS = {("headers", "origin"), ("properties", "reply_to"), ("properties", "delivery_tag")}


def sent_by_celery(own: OwnRedis, task_id: str) -> dict[str, Any]:
    current_app.send_task(
        INGEST_TASK,
        (PAYLOAD,),
        task_id=task_id,
        serializer="msgpack",
        ignore_result=True,
        headers={"ignore_result": False},
        argsrepr="(a batch)",
    )
    return newest(own)


def newest(own: OwnRedis) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(own.client.lindex(INGEST_QUEUE, 0) or "")
    return message


def test_it_is_the_one_that_celery_would_send(own: OwnRedis) -> None:
    broker = Broker()
    task_id = broker.send(PAYLOAD)
    ours = newest(own)
    theirs = sent_by_celery(own, task_id)
    broker.close()
    assert own.waiting() == 2  # both in the same list

    for part in ("headers", "properties"):
        for name in {*ours[part], *theirs[part]} - {"argsrepr"}:
            if (part, name) not in SENDERS:
                assert ours[part][name] == theirs[part][name], name
    assert ours.keys() == theirs.keys()
    assert ours["content-type"] == theirs["content-type"]
    assert ours["content-encoding"] == theirs["content-encoding"]
    assert base64.b64decode(ours["body"]) == base64.b64decode(theirs["body"])


def test_each_delivery_has_a_number_of_its_own(own: OwnRedis) -> None:
    broker = Broker()
    tags = set()
    for _ in range(3):
        broker.send(os.urandom(8))
        tags.add(newest(own)["properties"]["delivery_tag"])
    broker.close()

    assert len(tags) == 3


def test_the_payload_is_the_only_argument(own: OwnRedis) -> None:
    broker = Broker()
    broker.send(PAYLOAD)
    broker.close()

    arguments, named, _ = msgspec.msgpack.decode(base64.b64decode(newest(own)["body"]))
    assert (arguments, named) == ([PAYLOAD], {})
