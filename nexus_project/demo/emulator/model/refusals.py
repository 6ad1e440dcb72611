"""A model that declines, and the one that takes over where the request names `fallbacks`.

Format: https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback.
"""

from nexus_project.demo.emulator.api.call import Json
from nexus_project.demo.emulator.endpoints.models import known
from nexus_project.demo.emulator.model import tokens
from nexus_project.demo.emulator.model.completion import Completion

EXPLANATIONS = {
    "cyber": "This request could enable harm by software.",
    "bio": "This request could enable biological harm.",
    "frontier_llm": "This request could help to build a competing model.",
    "reasoning_extraction": "This request asks for the model's internal reasoning.",
    "general_harms": "This request could lead to harm.",
    "none": None,
}


def declined(category: str, said: tuple[Json, ...]) -> Completion:
    """Return a refusal after what had been said until then."""
    details = {
        "type": "refusal",
        "category": _named(category),
        "explanation": EXPLANATIONS[category],
    }
    output = sum(map(tokens.count, said)) or 1
    return Completion(said, "refusal", output, stop_details=details)


def successor(request: Json) -> str | None:
    """Return the model that takes over, None if nobody does."""
    match request.get("fallbacks"):
        case "default":
            return known(request["model"]).fallback or None
        case [{"model": str(first)}, *_]:
            return first
    return None


def handover(asked: str, to: str, category: str) -> Json:
    """Return the block that stands between the words of the two models."""
    trigger = {"type": "refusal", "category": _named(category)}
    return {"type": "fallback", "from": {"model": asked}, "to": {"model": to}, "trigger": trigger}


def _named(category: str) -> str | None:
    return None if category == "none" else category
