"""Models that have no price, for the banner that stands until they have one."""

from dataclasses import dataclass
from datetime import date

from dashboard import reading
from dashboard.queries import narrowed
from proxy.store.ingest import unpriced
from proxy.store.models import UnpricedModel
from proxy.store.pricing import age

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Unpriced:
    """The names, the newest first, how many exchanges count without a cost, and when the shipped prices were read."""

    models: list[str]
    exchanges: int
    read_on: date | None


def unpriced_models() -> Unpriced | None:
    """None where every model has its price, and for who must not see every domain: nobody noted which met it."""
    return reading.for_all_domains(_unpriced_models)


def _unpriced_models() -> Unpriced | None:
    waiting = narrowed.whole(UnpricedModel).filter(closed_at=None).order_by("-first_seen", "model")
    models = list(waiting.values_list("model", flat=True)[:_NAMED])
    return Unpriced(models, unpriced.waiting(), age.read_on()) if models else None
