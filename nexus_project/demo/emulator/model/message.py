"""The message that tells of a turn, and how much of it is known when its stream begins."""

import random
from dataclasses import replace

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.ids import new_id
from nexus_project.demo.emulator.model.completion import Turn
from nexus_project.demo.emulator.model.service import Service
from nexus_project.demo.emulator.model.tokens import blocks_of
from nexus_project.demo.emulator.model.usage import Step, entry, input_usage

TOKENS_PER_WEB_RESULT = 4_100
BINDING_BETA = "thinking-binding-controls-2026-08-01"


def message_of(call: Call, turn: Turn, service: Service) -> Json:
    """Return the finished message with its usage."""
    completion = turn.completion
    message = {
        "model": turn.model,
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "content": list(completion.blocks),
        "stop_reason": completion.stop_reason,
        "stop_sequence": None,
        "stop_details": completion.stop_details,
        "usage": _usage(call.json, turn, service),
    }
    if call.json.get("context_management"):
        message["context_management"] = {"applied_edits": []}
    if call.has_beta(BINDING_BETA):
        message["input_transformations"] = _dropped(call.json) if call.directives.thinking_dropped else []
    return message


def start_of(call: Call, turn: Turn, service: Service, source: random.Random) -> Json:
    """Return what of the message differs at the start of its stream: the first call of a model has just begun."""
    charged = turn.before[0].charged if turn.before else turn.charged
    usage = {**input_usage(charged, service), "output_tokens": source.randint(1, 8)}
    return {"model": call.json["model"], "usage": usage}


def _usage(request: Json, turn: Turn, service: Service) -> Json:
    completion = turn.completion
    read = replace(turn.charged, uncached=turn.charged.uncached + TOKENS_PER_WEB_RESULT * len(completion.web))
    # At most what was allowed: a real answer never reports more than max_tokens.
    output = min(completion.output, request["max_tokens"])
    if turn.own or not turn.before:
        output = output or 1
    usage = {**input_usage(read, service), "output_tokens": output}
    if completion.web:
        used = {f"{kind}_requests": completion.web.count(kind) for kind in ("web_search", "web_fetch")}
        usage["server_tool_use"] = used
    if completion.thinking:
        usage["output_tokens_details"] = {"thinking_tokens": min(completion.thinking, output)}
    if turn.before:
        model = turn.model if turn.own == "fallback_message" else None
        own = [Step(turn.own, read, output, model)] if turn.own else []
        usage["iterations"] = [entry(step) for step in (*turn.before, *own)]
    return usage


def _dropped(request: Json) -> list[Json]:
    """Report the first thinking block of the request as made for another organisation."""
    paths = (
        f"messages.{position}.content.{index}"
        for position, message in enumerate(request["messages"])
        for index, block in enumerate(blocks_of(message.get("content")))
        if block.get("type") == "thinking"
    )
    return [
        {"type": "thinking_dropped", "path": path, "reason": "organization_binding_mismatch"}
        for path in list(paths)[:1]
    ]
