"""The object `usage`: what was read, written and thought, how it was served, and by which calls of a model."""

from dataclasses import dataclass

from nexus_project.demo.emulator.api.call import Json
from nexus_project.demo.emulator.model.service import Service
from nexus_project.demo.emulator.model.tokens import InputTokens


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a model, an entry of `iterations`; without `model` it is the answer's own."""

    kind: str
    charged: InputTokens
    output: int
    model: str | None = None


def input_usage(charged: InputTokens, service: Service) -> Json:
    """Return what is known when an answer begins."""
    return {
        **_counts(charged),
        "service_tier": service.tier,
        "inference_geo": service.geo,
        "speed": service.speed,
    }


def entry(step: Step) -> Json:
    model = {"model": step.model} if step.model else {}
    return {"type": step.kind, **model, **_counts(step.charged), "output_tokens": step.output}


def _counts(charged: InputTokens) -> Json:
    written = {"5m": 0, "1h": 0} | {charged.lifetime: charged.cache_write}
    return {
        "input_tokens": charged.uncached,
        "cache_creation_input_tokens": charged.cache_write,
        "cache_read_input_tokens": charged.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written["5m"],
            "ephemeral_1h_input_tokens": written["1h"],
        },
    }
