"""What the API does for a request: one call of a model, or several where it declines or its prompt grew too long."""

import random
from dataclasses import replace

from nexus_project.demo.emulator.api.call import Call
from nexus_project.demo.emulator.model import compaction, refusals
from nexus_project.demo.emulator.model.completion import Turn
from nexus_project.demo.emulator.model.compose import compose, said_first
from nexus_project.demo.emulator.model.tokens import InputTokens, PromptCache
from nexus_project.demo.emulator.model.usage import Step


def take(call: Call, source: random.Random, cache: PromptCache) -> Turn:
    """Take the turn of a well-formed request."""
    charged = _as_long_as_asked(cache.charge(call.json), call.directives.prompt_tokens)
    if call.json.get("compaction"):
        return compaction.summarized(call.json, charged, source)
    if call.directives.refusal is not None:
        return _declined(call, source, charged, cache, call.directives.refusal)
    if compaction.is_due(call, charged.total):
        return _compacted(call, source, charged)
    return Turn(call.json["model"], compose(call, source), charged)


def _as_long_as_asked(charged: InputTokens, total: int | None) -> InputTokens:
    if total is None:
        return charged
    return replace(charged, uncached=max(1, total - charged.cache_read - charged.cache_write))


def _compacted(call: Call, source: random.Random, charged: InputTokens) -> Turn:
    turn = compaction.summarized(call.json, charged, source)
    if compaction.is_all(call.json):
        return turn
    completion = compose(call, source)
    (summary,) = turn.completion.blocks
    read = compaction.prompt_after(call.json, summary)
    return replace(
        turn,
        completion=replace(completion, blocks=(summary, *completion.blocks)),
        charged=read,
        own="message",
    )


def _declined(
    call: Call, source: random.Random, charged: InputTokens, cache: PromptCache, category: str
) -> Turn:
    asked, said = call.json["model"], said_first(call, source)
    refusal = refusals.declined(category, said)
    successor = refusals.successor(call.json)
    if successor is None:
        return Turn(asked, refusal, charged)
    completion = compose(call, source)
    blocks = (*said, refusals.handover(asked, successor, category), *completion.blocks)
    # Each model has its own prompt cache.
    read = _as_long_as_asked(cache.charge({**call.json, "model": successor}), call.directives.prompt_tokens)
    step = Step("message", charged, refusal.output, asked)
    return Turn(successor, replace(completion, blocks=blocks), read, (step,), "fallback_message")
