"""The message of an ingest task as Celery's client would leave it in Redis, written without that client (decision 0026).

Celery's message protocol 2 (docs.celeryq.dev, "Message Protocol") in the envelope of kombu's virtual transports: JSON whose body is
base64, in a list with the queue's name. A test holds it against what Celery itself sends.
"""

import msgspec
from uuid_utils import uuid4

from proxy.record import INGEST_QUEUE, INGEST_TASK

# No callbacks, no chain: who sends a batch looks for its result by the task's id.
_EMBEDDED: dict[str, None] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_HEADERS: dict[str, object] = {
    "lang": "py",
    "task": INGEST_TASK,
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "retries": 0,
    "timelimit": (None, None),
    "parent_id": None,
    "argsrepr": "(a batch)",  # the payload itself would put bodies into Celery's logs
    "kwargsrepr": "{}",
    "origin": "nexus-proxy",
    "ignore_result": False,
    "replaced_task_nesting": 0,
    "stamped_headers": None,
    "stamps": {},
}
_PERSISTENT = 2


def task_message(task_id: str, payload: bytes) -> bytes:
    """The message that has a worker ingest a payload."""
    return msgspec.json.encode(
        {
            "body": msgspec.msgpack.encode(((payload,), {}, _EMBEDDED)),  # bytes are base64 in msgspec's JSON
            "content-encoding": "binary",
            "content-type": "application/x-msgpack",
            "headers": {**_HEADERS, "id": task_id, "root_id": task_id},
            "properties": {
                "correlation_id": task_id,
                "delivery_mode": _PERSISTENT,
                "delivery_info": {"exchange": "", "routing_key": INGEST_QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid4()),
            },
        }
    )
