"""GET /v1/models and /v1/models/{id}, and what each model can do."""

import re
from dataclasses import dataclass

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.emulator.api.paging import page
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.script import Script


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the list, with days as dates.

    `fast` tells who gets fast answers: "all", "beta" (who names the beta) or nobody; `fallback` is the model that
    takes over what this one declines.
    """

    id: str
    name: str
    released: str
    line: str
    fast: str = ""
    fallback: str = ""
    deprecated: str | None = None
    retires: str | None = None


RELEASED = (
    Model("claude-fable-5-2", "Claude Fable 5.2", "2026-11-09", "fable", "all", "claude-opus-5-5"),
    Model("claude-haiku-5-5", "Claude Haiku 5.5", "2026-10-07", "haiku"),
    Model("claude-sonnet-5-5", "Claude Sonnet 5.5", "2026-09-28", "sonnet", fallback="claude-sonnet-5"),
    Model("claude-opus-5-5", "Claude Opus 5.5", "2026-09-22", "opus", "all", "claude-opus-5"),
    Model("claude-opus-5", "Claude Opus 5", "2026-07-24", "opus", "beta", "claude-opus-4-8"),
    Model("claude-sonnet-5", "Claude Sonnet 5", "2026-06-30", "sonnet"),
    Model("claude-opus-4-8", "Claude Opus 4.8", "2026-05-28", "opus", "beta"),
    Model(
        "claude-opus-4-5-20251101",
        "Claude Opus 4.5",
        "2025-11-24",
        "opus",
        deprecated="2026-07-24",
        retires="2027-01-22",
    ),
    Model("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "2025-10-15", "haiku"),
    Model(
        "claude-sonnet-4-5-20250929",
        "Claude Sonnet 4.5",
        "2025-09-29",
        "sonnet",
        deprecated="2026-05-28",
        retires="2026-11-30",
    ),
)
_BY_ID = {release.id: release for release in RELEASED}


def models(call: Call) -> Script:
    return json_response(page([_described(release) for release in RELEASED], call.query))


def model(call: Call) -> Script:
    found = _BY_ID.get(call.last_segment)
    return json_response(_described(found)) if found else error(404, f"model: {call.last_segment}")


def known(identifier: str) -> Model:
    """Return a model that may be on no list: tests and old clients ask for many, and all are answered."""
    return _BY_ID.get(identifier) or Model(identifier, identifier, "1970-01-01", "")


def is_older(identifier: str) -> bool:
    """Whether it came before version 4.6: since then ids carry no date."""
    return re.search(r"-\d{8}$", identifier) is not None


def _described(model: Model) -> Json:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": _midnight(model.released),
        "lifecycle": "deprecated" if model.deprecated else "active",
        "deprecated_at": _midnight(model.deprecated),
        "retires_at": _midnight(model.retires),
        "line": model.line,
        "allowed_fallback_models": [model.fallback] if model.fallback else [],
    }


def _midnight(day: str | None) -> str | None:
    return f"{day}T00:00:00Z" if day else None
