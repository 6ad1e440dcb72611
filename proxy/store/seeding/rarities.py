"""What comes seldom in answers: a model that declines, another one that takes over, a conversation that is summarized."""

import random

from proxy.store.seeding.prose import Json, words
from proxy.wire.billing.usage import USAGE_NAMES

FALLBACKS = {"claude-fable-5-2": "claude-opus-5-5", "claude-opus-5-5": "claude-opus-5"}
_CATEGORIES = ("cyber", "cyber", "bio", "reasoning_extraction", "general_harms")
_DECLINED, _TAKEN_OVER, _COMPACTED = 0.012, 0.024, 0.034


def made_rare(draw: random.Random, message: Json, content: list[Json], usage: Json) -> tuple[Json, Json]:
    """An answer's message and its usage; most are as they were."""
    chance, model = draw.random(), str(message["model"])
    if chance < _DECLINED and model in FALLBACKS:
        details = {"type": "refusal", "category": draw.choice(_CATEGORIES), "explanation": words(draw, 8)}
        ended: Json = {"content": [], "stop_reason": "refusal", "stop_details": details}
        return message | ended, usage | {"output_tokens": 1}
    if chance < _TAKEN_OVER and model in FALLBACKS:
        return _taken_over(draw, message, content, usage)
    if _TAKEN_OVER <= chance < _COMPACTED and usage["cache_read_input_tokens"]:
        return _compacted(draw, message, content, usage)
    return message, usage


def _taken_over(draw: random.Random, message: Json, content: list[Json], usage: Json) -> tuple[Json, Json]:
    asked, served = str(message["model"]), FALLBACKS[str(message["model"])]
    block: Json = {
        "type": "fallback",
        "from": {"model": asked},
        "to": {"model": served},
        "trigger": {"type": "refusal", "category": draw.choice(_CATEGORIES)},
    }
    counts = {name: usage[name] for name in USAGE_NAMES}
    declined = {"type": "message", "model": asked, **counts, "output_tokens": 1}
    final = {"type": "fallback_message", "model": served, **counts}
    reported = message | {"model": served, "content": [block, *content]}
    return reported, usage | {"iterations": [declined, final]}


def _compacted(draw: random.Random, message: Json, content: list[Json], usage: Json) -> tuple[Json, Json]:
    """The long prompt was read for the summary, the answer's own is short."""
    block: Json = {
        "type": "compaction",
        "content": words(draw, 80),
        "encrypted_content": draw.randbytes(40).hex(),
    }
    summary = {"type": "compaction", **{name: usage[name] for name in USAGE_NAMES}, "output_tokens": 900}
    short = usage | {
        "input_tokens": draw.randrange(2000, 9000),
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    }
    own = {"type": "message", **{name: short[name] for name in USAGE_NAMES}}
    return message | {"content": [block, *content]}, short | {"iterations": [summary, own]}
