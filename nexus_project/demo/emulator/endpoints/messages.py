"""POST /v1/messages and /v1/messages/count_tokens."""

import random
from dataclasses import replace

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.emulator.api.streams import message_events
from nexus_project.demo.emulator.api.versions import check_version
from nexus_project.demo.emulator.model import turns
from nexus_project.demo.emulator.model.compose import source_of
from nexus_project.demo.emulator.model.message import message_of, start_of
from nexus_project.demo.emulator.model.service import check_service, service_in_batch, service_of
from nexus_project.demo.emulator.model.tokens import PromptCache
from nexus_project.demo.script import Script

EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))


class Messages:
    """Answers message requests; the prompt cache is shared by all callers."""

    def __init__(self) -> None:
        self._cache = PromptCache()

    def create(self, call: Call) -> Script:
        refusal = _refusal(call) or check_service(call)
        if refusal:
            return refusal
        source, service = source_of(call), service_of(call)
        turn = turns.take(call, source, self._cache)
        message = message_of(call, turn, service)
        if not call.json.get("stream"):
            return json_response(message)
        start = start_of(call, turn, service, source)
        return Script(
            200, EVENT_STREAM, tuple(message_events(message, start, source, call.directives.events))
        )

    def count(self, call: Call) -> Script:
        refusal = _refusal(call, needs_max_tokens=False)
        return refusal or json_response({"input_tokens": PromptCache().charge(call.json).total})

    def in_batch(self, call: Call, params: Json) -> Json | Script:
        """Return the message of one request of a batch, or the error that it ends with."""
        # A batch has neither fast answers nor fallbacks.
        ignored = ("speed", "fallbacks")
        call = replace(call, json={name: value for name, value in params.items() if name not in ignored})
        refusal = _refusal(call) or check_service(call)
        if refusal:
            return refusal
        turn = turns.take(call, random.Random(str(params)), self._cache)
        return message_of(call, turn, service_in_batch(call.json))


def _refusal(call: Call, *, needs_max_tokens: bool = True) -> Script | None:
    return check(call.json, needs_max_tokens=needs_max_tokens) or check_version(call.version, call.json)


def check(request: Json, *, needs_max_tokens: bool) -> Script | None:
    """Return the refusal of a malformed request in the API's words, None for a good one."""
    if not request:
        return error(400, "The request body is not valid JSON.")
    model = request.get("model")
    if not isinstance(model, str) or not model:
        return error(400, "model: Field required")
    if not model.startswith("claude-") or "no-such" in model:
        return error(404, f"model: {model}")
    if needs_max_tokens and not isinstance(request.get("max_tokens"), int):
        return error(400, "max_tokens: Field required")
    messages = request.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return error(400, "messages: Field required")
    if not messages:
        return error(400, "messages: at least one message is required")
    for index, message in enumerate(messages):
        if message.get("role") not in ("user", "assistant", "system"):
            return error(400, f"messages.{index}.role: Input should be 'user' or 'assistant'")
    return None
