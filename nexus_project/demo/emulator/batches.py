"""Message batches, done as soon as they are asked for.

Format: https://docs.claude.com/en/api/creating-message-batches.
"""

import json
from datetime import UTC, datetime, timedelta

from nexus_project.demo.emulator.answer import json_answer
from nexus_project.demo.emulator.call import Call, Json
from nexus_project.demo.emulator.errors import error
from nexus_project.demo.emulator.ids import new_id
from nexus_project.demo.emulator.messages import Messages
from nexus_project.demo.emulator.paging import page
from nexus_project.demo.script import Script


class Batches:
    """Keeps batches and their results in memory."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._batches: dict[str, Json] = {}
        self._results: dict[str, list[Json]] = {}

    def create(self, call: Call) -> Script:
        requests = call.json.get("requests")
        if not isinstance(requests, list) or not requests:
            return error(400, "requests: Field required")
        now = datetime.now(UTC)
        batch: Json = {
            "id": new_id("msgbatch"),
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": _counts(processing=len(requests)),
            "ended_at": None,
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(days=1)).isoformat(),
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": None,
        }
        self._batches[batch["id"]] = batch
        self._results[batch["id"]] = [self._result(call, request) for request in requests]
        return json_answer(batch)

    def listed(self, call: Call) -> Script:
        return json_answer(page(list(reversed(self._batches.values())), call.query))

    def get(self, call: Call) -> Script:
        batch = self._batches.get(call.last_segment)
        if batch is None:
            return error(404, f"Message batch {call.last_segment} not found")
        return json_answer(self._finish(batch, call.entry.value("host")))

    def results(self, call: Call) -> Script:
        identifier = call.entry.path.split("/")[4]
        results = self._results.get(identifier)
        if results is None:
            return error(404, f"Message batch {identifier} not found")
        lines = tuple(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in results)
        return Script(200, (("content-type", "application/x-jsonl"),), lines)

    def delete(self, call: Call) -> Script:
        if self._batches.pop(call.last_segment, None) is None:
            return error(404, f"Message batch {call.last_segment} not found")
        del self._results[call.last_segment]
        return json_answer({"id": call.last_segment, "type": "message_batch_deleted"})

    def _finish(self, batch: Json, host: str) -> Json:
        results = self._results[batch["id"]]
        succeeded = sum(line["result"]["type"] == "succeeded" for line in results)
        batch |= {
            "processing_status": "ended",
            "request_counts": _counts(succeeded=succeeded, errored=len(results) - succeeded),
            "ended_at": batch["ended_at"] or datetime.now(UTC).isoformat(),
            "results_url": f"http://{host}/v1/messages/batches/{batch['id']}/results",
        }
        return batch

    def _result(self, call: Call, request: Json) -> Json:
        message = self._messages.in_batch(call, request.get("params") or {})
        if isinstance(message, Script):
            result = {"type": "errored", "error": json.loads(message.body)}
        else:
            result = {"type": "succeeded", "message": message}
        return {"custom_id": request.get("custom_id"), "result": result}


def _counts(*, processing: int = 0, succeeded: int = 0, errored: int = 0) -> Json:
    return {
        "processing": processing,
        "succeeded": succeeded,
        "errored": errored,
        "canceled": 0,
        "expired": 0,
    }
