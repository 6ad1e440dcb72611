"""Message batches, done as soon as they are asked for, unless they are cancelled before.

Format: https://docs.claude.com/en/api/creating-message-batches.
"""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.emulator.api.ids import new_id
from nexus_project.demo.emulator.api.paging import page
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.emulator.endpoints.messages import Messages
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
        return json_response(batch)

    def listed(self, call: Call) -> Script:
        return json_response(page(list(reversed(self._batches.values())), call.query))

    def get(self, call: Call) -> Script:
        batch = self._batches.get(call.last_segment)
        if batch is None:
            return error(404, f"Message batch {call.last_segment} not found")
        return json_response(self._finish(batch, call.entry.value("host")))

    def cancel(self, call: Call) -> Script:
        """Cancel every request of a batch that is still in progress."""
        identifier = call.entry.path.split("/")[4]
        batch = self._batches.get(identifier)
        if batch is None:
            return error(404, f"Message batch {identifier} not found")
        if batch["processing_status"] == "in_progress":
            self._results[identifier] = [
                {"custom_id": line["custom_id"], "result": {"type": "canceled"}}
                for line in self._results[identifier]
            ]
            batch |= {
                "processing_status": "canceling",
                "cancel_initiated_at": datetime.now(UTC).isoformat(),
            }
        return json_response(batch)

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
        return json_response({"id": call.last_segment, "type": "message_batch_deleted"})

    def _finish(self, batch: Json, host: str) -> Json:
        types = Counter(line["result"]["type"] for line in self._results[batch["id"]])
        batch |= {
            "processing_status": "ended",
            "request_counts": _counts(**types),
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


def _counts(**known: int) -> Json:
    return dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0) | known
