"""The legacy POST /v1/complete: its events end lines with CRLF."""

import json

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.emulator.api.ids import new_id
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.emulator.endpoints.messages import EVENT_STREAM
from nexus_project.demo.emulator.model import corpus
from nexus_project.demo.emulator.model.compose import source_of
from nexus_project.demo.script import Script

PING = b"event: ping\r\ndata: {}\r\n\r\n"


def complete(call: Call) -> Script:
    if not call.json.get("prompt"):
        return error(400, "prompt: Field required")
    identifier = new_id("compl")
    text = " " + corpus.reply_text(call.json["prompt"], source_of(call))
    model = call.json.get("model")

    def completion(text: str, stop_reason: str | None) -> Json:
        return {
            "type": "completion",
            "id": identifier,
            "completion": text,
            "stop_reason": stop_reason,
            "model": model,
            "stop": "\n\nHuman:" if stop_reason else None,
            "log_id": identifier,
        }

    if not call.json.get("stream"):
        return json_response(completion(text, "stop_sequence"))
    words = [completion(f" {word}", None) for word in text[1:].split(" ")]
    events = [_event(data) for data in (*words, completion("", "stop_sequence"))]
    return Script(200, EVENT_STREAM, (events[0], PING, *events[1:]))


def _event(data: Json) -> bytes:
    return f"event: completion\r\ndata: {json.dumps(data, ensure_ascii=False)}\r\n\r\n".encode()
