"""GET /v1/models and /v1/models/{id}."""

from nexus_project.demo.emulator.answer import json_answer
from nexus_project.demo.emulator.call import Call, Json
from nexus_project.demo.emulator.errors import error
from nexus_project.demo.emulator.paging import page
from nexus_project.demo.script import Script

RELEASED = (
    ("claude-opus-5", "Claude Opus 5", "2026-07-24"),
    ("claude-sonnet-5", "Claude Sonnet 5", "2026-06-30"),
    ("claude-opus-4-6", "Claude Opus 4.6", "2026-02-05"),
    ("claude-opus-4-5-20251101", "Claude Opus 4.5", "2025-11-24"),
    ("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "2025-10-15"),
    ("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", "2025-09-29"),
)


def models(call: Call) -> Script:
    return json_answer(page([_model(*row) for row in RELEASED], call.query))


def model(call: Call) -> Script:
    for row in RELEASED:
        if row[0] == call.last_segment:
            return json_answer(_model(*row))
    return error(404, f"model: {call.last_segment}")


def _model(identifier: str, name: str, day: str) -> Json:
    return {"type": "model", "id": identifier, "display_name": name, "created_at": f"{day}T00:00:00Z"}
