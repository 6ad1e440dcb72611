"""POST /v1/messages and /v1/messages/count_tokens."""

import random
from dataclasses import replace

from nexus_project.demo.emulator import tokens
from nexus_project.demo.emulator.answer import json_answer
from nexus_project.demo.emulator.call import Call, Json
from nexus_project.demo.emulator.compose import Reply, compose, source_of
from nexus_project.demo.emulator.errors import error
from nexus_project.demo.emulator.ids import new_id
from nexus_project.demo.emulator.streams import message_events
from nexus_project.demo.emulator.tokens import InputTokens, PromptCache
from nexus_project.demo.script import Script

TOKENS_PER_SEARCH_RESULT = 4_100
EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))


class Messages:
    """Answers message requests; the prompt cache is shared by all callers."""

    def __init__(self) -> None:
        self._cache = PromptCache()

    def create(self, call: Call) -> Script:
        refusal = check(call.json, needs_max_tokens=True)
        if refusal:
            return refusal
        source = source_of(call)
        reply = compose(call, source)
        charged = self._cache.charge(call.json)
        message = message_of(call.json, reply, charged)
        if not call.json.get("stream"):
            return json_answer(message)
        start = {**_input_usage(charged, "standard"), "output_tokens": source.randint(1, 8)}
        events = message_events(message, start, source, call.directives.events)
        return Script(200, EVENT_STREAM, tuple(events))

    def count(self, call: Call) -> Script:
        refusal = check(call.json, needs_max_tokens=False)
        return refusal or json_answer({"input_tokens": PromptCache().charge(call.json).total})

    def in_batch(self, call: Call, params: Json) -> Json | Script:
        """Return the message of one request of a batch, or the error that it ends with."""
        refusal = check(params, needs_max_tokens=True)
        if refusal:
            return refusal
        reply = compose(replace(call, json=params), random.Random(str(params)))
        return message_of(params, reply, self._cache.charge(params), tier="batch")


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


def message_of(request: Json, reply: Reply, charged: InputTokens, *, tier: str = "standard") -> Json:
    """Return the finished message with its usage."""
    thinking = sum(tokens.count(block["thinking"]) for block in reply.blocks if block["type"] == "thinking")
    final = replace(charged, uncached=charged.uncached + TOKENS_PER_SEARCH_RESULT * reply.searches)
    usage = _input_usage(final, tier)
    # At most what was allowed: a real answer never reports more than max_tokens.
    usage["output_tokens"] = min(sum(map(tokens.count, reply.blocks)), request["max_tokens"]) or 1
    if reply.searches:
        usage["server_tool_use"] = {"web_search_requests": reply.searches, "web_fetch_requests": 0}
    if thinking:
        usage["output_tokens_details"] = {"thinking_tokens": min(thinking, usage["output_tokens"])}
    return {
        "model": request["model"],
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "content": list(reply.blocks),
        "stop_reason": reply.stop_reason,
        "stop_sequence": None,
        "usage": usage,
    }


def _input_usage(charged: InputTokens, tier: str) -> Json:
    written = {"5m": 0, "1h": 0} | {charged.lifetime: charged.cache_write}
    return {
        "input_tokens": charged.uncached,
        "cache_creation_input_tokens": charged.cache_write,
        "cache_read_input_tokens": charged.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written["5m"],
            "ephemeral_1h_input_tokens": written["1h"],
        },
        "service_tier": tier,
        "inference_geo": "not_available",
    }
