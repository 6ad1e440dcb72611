"""Made-up conversations in the shapes of real traffic: agents that grow by each turn, short chats, single calls."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from proxy.record import Record
from proxy.store.seeding import harness, responses
from proxy.store.seeding.prose import Json, words

AGENT = "sub-agent"
SESSION = "session"
_MODELS = (
    *("claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "claude-fable-5-2"),
    *("claude-opus-5", "claude-sonnet-5", "in-house-alias"),
)
_MODEL_WEIGHTS = (35, 25, 14, 6, 11, 8, 1)
_SMALL_MODEL = "claude-haiku-5-5"
_TOOLS = ("Read", "Edit", "Bash", "Write", "Agent", "Skill", "ToolSearch", "Workflow")
_THINKING: Json = {"type": "adaptive", "display": "omitted"}
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange, so many milliseconds after the conversation began; its record has no time and no id yet."""

    offset_ms: int
    record: Record


@dataclass(frozen=True, slots=True)
class Conversation:
    """Exchanges in the order of their beginning; those of a stranger got no further than a refusal."""

    turns: list[Turn]
    stranger: bool = False


def conversation(draw: random.Random) -> Conversation:
    """One of the mix: most exchanges are an agent's, as it asks again and again."""
    kind = draw.choices((agent, chat, single), (50, 30, 20))[0]
    return Conversation(list(kind(draw)))


def stranger(draw: random.Random) -> Conversation:
    """An attempt that Nexus refuses."""
    return Conversation([Turn(0, responses.refused(draw))], stranger=True)


def agent(draw: random.Random) -> Iterator[Turn]:
    """A session of Claude Code: the whole history with each turn, and the questions of sub-agents beside it."""
    model = draw.choices(_MODELS, _MODEL_WEIGHTS)[0]
    fixed: Json = {
        "system": _system(draw),
        "tools": [_tool(draw, name) for name in _TOOLS],
        "thinking": _THINKING,
    }
    messages = [_said("system", words(draw, 20)), _said("user", words(draw, 60))]
    clock, context = 0, round(draw.lognormvariate(10.3, 0.8))
    running: list[str] = []
    if draw.random() < 0.3:
        yield Turn(clock, responses.count(draw, _small(_SMALL_MODEL, messages[1:]), SESSION))
        clock += 300
    for _ in range(min(_LONGEST, max(1, round(draw.lognormvariate(2.3, 0.8))))):
        body = {"model": model, **fixed, "messages": messages, "max_tokens": 128_000, "stream": True}
        response = responses.inference(draw, _with_user(body), SESSION, context=context, tools=_TOOLS)
        yield Turn(clock, response.record)
        clock += response.duration_ms + _pause(draw)
        for _ in running:
            helper = responses.inference(draw, _helpers(draw, fixed), SESSION, agent=AGENT, context=4000)
            yield Turn(clock, helper.record)
            clock += helper.duration_ms
        reports = [harness.report(draw, report) for report in running]
        results, running = harness.results(draw, response.content)
        heard = [*results, *reports] or [{"type": "text", "text": words(draw, 50)}]
        messages = [
            *messages,
            {"role": "assistant", "content": response.content},
            {"role": "user", "content": heard},
        ]
        context += draw.randrange(200, 3000)


def chat(draw: random.Random) -> Iterator[Turn]:
    """An application's short conversation, without a session that the proxy could see."""
    model = draw.choices(_MODELS, _MODEL_WEIGHTS)[0]
    streamed = draw.random() < 0.5
    messages = [_said("user", words(draw, 40))]
    clock = 0
    for _ in range(draw.choices((1, 2, 3, 5), (60, 20, 15, 5))[0]):
        body = _small(model, messages) | {"system": words(draw, 30), "max_tokens": 1024, "stream": streamed}
        response = responses.inference(draw, body, "", context=0)
        yield Turn(clock, response.record)
        clock += response.duration_ms + draw.randrange(4000, 60_000)
        messages = [
            *messages,
            {"role": "assistant", "content": response.content},
            _said("user", words(draw, 30)),
        ]


def single(draw: random.Random) -> Iterator[Turn]:
    """One call beside any conversation."""
    messages = [_said("user", words(draw, 25))]
    if draw.random() < 0.6:
        yield Turn(0, responses.count(draw, _small(_SMALL_MODEL, messages), ""))
    elif draw.random() < 0.5:
        yield Turn(0, responses.models(draw))
    else:
        quota = _small(_SMALL_MODEL, [_said("user", "quota")]) | {"max_tokens": 1}
        yield Turn(0, responses.inference(draw, quota, SESSION, context=0).record)


def _pause(draw: random.Random) -> int:
    """Tools run for moments, people think for minutes."""
    return round(draw.lognormvariate(7, 1) if draw.random() < 0.85 else draw.lognormvariate(11, 0.8))


def _helpers(draw: random.Random, fixed: Json) -> Json:
    messages = [_said("user", words(draw, 60))]
    return {"model": _SMALL_MODEL, **fixed, "messages": messages, "max_tokens": 8000, "stream": True}


def _with_user(body: Json) -> Json:
    return body | {"metadata": {"user_id": "3f" * 32}}


def _small(model: str, messages: list[Json]) -> Json:
    return {"model": model, "messages": messages}


def _said(role: str, text: str) -> Json:
    return {"role": role, "content": [{"type": "text", "text": text}]}


def _system(draw: random.Random) -> list[Json]:
    mark: Json = {"type": "ephemeral"}
    return [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.332.3fa; cc_entrypoint=cli;"},
        {"type": "text", "text": "You are a coding agent.", "cache_control": mark},
        {"type": "text", "text": words(draw, 200), "cache_control": mark},
    ]


def _tool(draw: random.Random, name: str) -> Json:
    path = {"type": "string", "description": words(draw, 12)}
    schema = {"type": "object", "properties": {"path": path}, "required": ["path"]}
    return {"name": name, "description": words(draw, 60), "input_schema": schema}
