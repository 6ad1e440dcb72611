"""How an exchange was served, as facts on its page; words that came over the wire are masked."""

from collections.abc import Iterator
from dataclasses import dataclass

from accounts.secrets.masking import mask_text
from dashboard.pages.metric_text import full
from dashboard.templatetags.nexus import grouped, words
from proxy.metrics import METRICS, Unit
from proxy.store.billing.explain import Explanation
from proxy.store.models import Exchange
from proxy.wire.lenient import as_dict, as_text

_FAST = "All rates are multiplied; the bill says by how much"
_PRIORITY = "Capacity that is paid for in advance: its cost is notional, at list prices"
_TRANSFORMED = "Changes that upstream made to the request, such as thinking of other models that it left out"
_PLACES = {"us": "US only", "global": "anywhere", "not_available": ""}


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value; `note` stands behind it, `title` is shown on hover."""

    name: str
    value: str
    note: str = ""
    title: str = ""


def counted_of(row: Exchange, output_per_second: float | None) -> list[Fact]:
    """What was counted of it, by the table of metrics; its cost stands apart, as it comes with how far it can be trusted."""
    notes = {"output_tokens": f"{output_per_second:.0f}/s"} if output_per_second else {}
    return [
        Fact(metric.label, full(metric, getattr(row, metric.column)), notes.get(metric.name, ""), metric.help)
        for metric in METRICS
        if metric.shown and metric.column and metric.unit is not Unit.USD
    ]


def facts_of(row: Exchange, bill: Explanation) -> list[Fact]:
    """Those that there is something to say of."""
    return [
        Fact(mask_text(model.name), mask_text(model.value), mask_text(model.note), model.title)
        for model in (*_models(row, bill), *_response(row), *_end(row))
        if model.value
    ]


def _models(row: Exchange, bill: Explanation) -> Iterator[Fact]:
    if row.request_type == "batch":
        return  # of as many models as it has answers: its bill names them
    yield Fact("Asked for", row.model)
    yield Fact("Answered by", "" if row.usage is None else bill.answered_model)
    yield Fact("Declined first", row.fallback_from, title="Another model answered in its place")
    others = [billed.model for billed in bill.billed if billed.model not in (bill.answered_model, bill.model)]
    yield Fact("Billed besides", ", ".join(others), title="Models that worked inside the answer")


def _response(row: Exchange) -> Iterator[Fact]:
    yield Fact("Speed", row.speed, title=_FAST if row.speed == "fast" else "")
    yield Fact("Inference", _PLACES.get(row.inference_geo, row.inference_geo))
    yield Fact("Service tier", row.service_tier, title=_PRIORITY if row.service_tier == "priority" else "")
    yield Fact(
        "Thinking", grouped(row.thinking_tokens) if row.thinking_tokens else "", "of the output tokens"
    )
    changes = row.input_transformations
    yield Fact("Changes to its input", grouped(changes) if changes else "", title=_TRANSFORMED)
    yield Fact("Asked to bill", words(row.bill_to), "counted here all the same")


def _end(row: Exchange) -> Iterator[Fact]:
    yield Fact("Error code", row.error_code)
    details = as_dict(row.stop_details)
    category = as_text(details.get("category")) or ("no category" if details else "")
    yield Fact("Stop details", words(category), as_text(details.get("explanation")) or "")
    yield Fact("Recommended model", as_text(details.get("recommended_model")) or "")
