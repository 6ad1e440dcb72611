"""What the model says to a request: the content of its message."""

import hashlib
import random
import re

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.ids import new_seal
from nexus_project.demo.emulator.model import corpus, server_tools, tokens, tools
from nexus_project.demo.emulator.model.completion import Completion
from nexus_project.demo.emulator.model.tokens import blocks_of

THINKING_ON = ("enabled", "adaptive")
CHARACTERS_PER_EVENT = 12
# Nothing that the user wants: the model reads it, and does not take it for an order.
REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)


def source_of(call: Call) -> random.Random:
    """Return randomness that depends on nothing but the request's body."""
    return random.Random(hashlib.sha256(call.entry.body).digest())


def compose(call: Call, source: random.Random) -> Completion:
    """Return the reply: thinking if asked, then tools if called for, else a text."""
    if call.directives.empty:
        return Completion((), "end_turn", 0)
    thoughts, thinking = _thoughts(call, source)
    question = last_question(call.json)
    names = call.directives.tools or _called_for(call.json, question)
    web = () if names else tuple(server_tools.offered(call.json))
    stop_reason = "end_turn"
    if names:
        blocks = _calls(names, call.json, question, source)
        stop_reason = "tool_use"
    elif web:
        blocks = [block for kind in web for block in server_tools.used(kind, question, source)]
        blocks.append(server_tools.cited(question, source))
    else:
        text, whole = _fitting(call, _text(call, question, source))
        blocks = [{"type": "text", "text": text}]
        stop_reason = "end_turn" if whole else "max_tokens"
    output = thinking + sum(map(tokens.count, blocks))
    return Completion((*thoughts, *blocks), stop_reason, output, thinking, web)


def said_first(call: Call, source: random.Random) -> tuple[Json, ...]:
    """Return the text before a refusal: none, unless its length was asked for."""
    if not _is_length_asked(call):
        return ()
    return ({"type": "text", "text": _text(call, last_question(call.json), source)},)


def last_question(request: Json) -> str:
    """Return the text of the last user message without its tool results and reminders."""
    text = " ".join(str(block.get("text", "")) for block in _last_from_user(request))
    return REMINDER.sub("", text).strip()


def _last_from_user(request: Json) -> list[Json]:
    said = [message.get("content") for message in request["messages"] if message.get("role") == "user"]
    return blocks_of(said[-1]) if said else []


def _called_for(request: Json, question: str) -> list[str]:
    answered = any(block.get("type") == "tool_result" for block in _last_from_user(request))
    return [] if answered else tools.wanted(request, question)


def _calls(
    names: "list[str] | tuple[str, ...]", request: Json, question: str, source: random.Random
) -> list[Json]:
    before = {"type": "text", "text": source.choice(corpus.BEFORE_TOOL)}
    return [before, *(tools.tool_use(name, request, question, source) for name in names)]


def _thoughts(call: Call, source: random.Random) -> tuple[list[Json], int]:
    """Return the thinking block, if one is wanted, and its tokens: they count whether or not it is shown."""
    wanted = call.json.get("thinking") or {}
    if not call.directives.thinking and wanted.get("type") not in THINKING_ON:
        return [], 0
    text = corpus.thinking_text(source)
    shown = "" if wanted.get("display") == "omitted" else text
    block = {"type": "thinking", "thinking": shown, "signature": new_seal("EqQBCkYIARgC", 120)}
    return [block], tokens.count(text)


def _is_length_asked(call: Call) -> bool:
    return call.directives.size is not None or bool(call.directives.events)


def _fitting(call: Call, text: str) -> tuple[str, bool]:
    """Cut a text to what the request allows, unless its length was asked for; tell whether it is whole."""
    room = len(text) if _is_length_asked(call) else call.json["max_tokens"] * tokens.BYTES_PER_TOKEN
    return text[:room], len(text) <= room


def _text(call: Call, question: str, source: random.Random) -> str:
    if call.directives.size is not None:
        return corpus.long_text(question, source, call.directives.size)
    if call.directives.events:
        return corpus.long_text(question, source, call.directives.events * CHARACTERS_PER_EVENT)
    return corpus.reply_text(question, source)
