"""How a request is served: its tier, where it runs, and how fast."""

from dataclasses import dataclass

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.emulator.endpoints.models import is_older, known
from nexus_project.demo.script import Script

FAST_BETA = "fast-mode-2026-02-01"


@dataclass(frozen=True, slots=True)
class Service:
    """What `usage` says of it."""

    tier: str = "standard"
    geo: str = "global"
    speed: str = "standard"


def check_service(call: Call) -> Script | None:
    """Return the refusal of a wish that the model, or the lack of a beta, rules out."""
    request, model = call.json, call.json["model"]
    if request.get("inference_geo") and is_older(model):
        return error(400, f"inference_geo: Not supported by {model}")
    if request.get("speed") and known(model).fast == "beta" and not call.has_beta(FAST_BETA):
        return error(400, "speed: Extra inputs are not permitted")
    return None


def service_of(call: Call) -> Service:
    request = call.json
    fast = request.get("speed") == "fast" and known(request["model"]).fast
    priority = call.directives.priority and request.get("service_tier") != "standard_only"
    return Service("priority" if priority else "standard", _place(request), "fast" if fast else "standard")


def service_in_batch(params: Json) -> Service:
    """Batches have a tier of their own and no fast mode."""
    return Service("batch", _place(params))


def _place(request: Json) -> str:
    return "not_available" if is_older(request["model"]) else request.get("inference_geo") or "global"
