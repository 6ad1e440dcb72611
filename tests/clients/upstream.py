"""An API that reports the usage it is told to report."""

import random

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.emulator.api.call import Json, json_object
from nexus_project.demo.emulator.api.ids import new_id
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.emulator.api.streams import message_events
from nexus_project.demo.emulator.endpoints.messages import EVENT_STREAM
from nexus_project.demo.received import Received
from nexus_project.demo.script import Script

# Fields of usage that a stream carries only in its first event, and only in its last.
FIRST = ("speed",)
LAST = ("iterations", "server_tool_use")


class ReportedUpstream(Emulator):
    """The emulator, but messages report `usages`, one each: the first answer of a session the first, and so on.

    All but the last answer call a tool, so that the client comes back for the next one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.usages: tuple[Json, ...] = ()

    def response(self, entry: Received) -> Script:
        if (entry.method, entry.path) != ("POST", "/v1/messages"):
            return super().response(entry)
        request = json_object(entry.body)
        message = self._message(request)
        return (
            Script(200, EVENT_STREAM, _events(message)) if request.get("stream") else json_response(message)
        )

    def _message(self, request: Json) -> Json:
        answered = sum(message["role"] == "assistant" for message in request["messages"])
        is_last = answered + 1 >= len(self.usages)
        call = {"type": "tool_use", "id": new_id("toolu"), "name": "Read", "input": {"file_path": "missing"}}
        return {
            "id": new_id("msg"),
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": [{"type": "text", "text": "Done."} if is_last else call],
            "stop_reason": "end_turn" if is_last else "tool_use",
            "stop_sequence": None,
            "stop_details": None,
            "usage": self.usages[min(answered, len(self.usages) - 1)],
        }


def _events(message: Json) -> tuple[bytes, ...]:
    usage = message["usage"]
    first = {**{key: usage[key] for key in usage if key not in LAST}, "output_tokens": 1}
    last = {key: usage[key] for key in usage if key not in FIRST}
    return tuple(message_events({**message, "usage": last}, {"usage": first}, random.Random(1), None))
