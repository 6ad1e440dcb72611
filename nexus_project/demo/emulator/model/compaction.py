"""A conversation that is summarized: when its prompt has grown too long, or because the request wants nothing else."""

import random

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.ids import new_seal
from nexus_project.demo.emulator.model import corpus, tokens
from nexus_project.demo.emulator.model.completion import Completion, Turn
from nexus_project.demo.emulator.model.tokens import InputTokens
from nexus_project.demo.emulator.model.usage import Step

EDIT = "compact_20260112"
USUAL_TRIGGER = 150_000


def is_due(call: Call, prompt: int) -> bool:
    edit = _edit(call.json)
    trigger = ((edit or {}).get("trigger") or {}).get("value", USUAL_TRIGGER)
    return call.directives.compaction or (edit is not None and prompt >= trigger)


def is_all(request: Json) -> bool:
    """Whether nothing is to be said after the summary."""
    return bool((_edit(request) or {}).get("pause_after_compaction"))


def summarized(request: Json, charged: InputTokens, source: random.Random) -> Turn:
    """Return the summary alone; nothing of what it took stands in the usage but its own entry."""
    summary = {
        "type": "compaction",
        "content": f"The user works on a web shop. {corpus.reply_text('', source)}",
        "encrypted_content": new_seal("EqkB", 80),
    }
    step = Step("compaction", charged, tokens.count(summary))
    return Turn(request["model"], Completion((summary,), "compaction", 0), InputTokens(0), (step,))


def prompt_after(request: Json, summary: Json) -> InputTokens:
    """Return the tokens of the prompt in which the summary stands for all but the newest message."""
    kept = [request.get("system") or "", summary, request["messages"][-1]]
    return InputTokens(sum(map(tokens.count, kept)))


def _edit(request: Json) -> Json | None:
    edits = (request.get("context_management") or {}).get("edits") or ()
    return next((edit for edit in edits if edit.get("type") == EDIT), None)
