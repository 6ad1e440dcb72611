"""The contributors of a difference as people read them, and which of them say why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from accounts.secrets.masking import mask_text
from dashboard.filters.filter import BY_NAME, LABELS, Filter, FilterError
from dashboard.pages.exports import Row as ExportRow
from dashboard.pages.metric_text import Change, part
from dashboard.queries.sums.breakdowns import CLIENT_KEY
from dashboard.queries.sums.explain import Explanation, Part
from proxy.metrics import Metric

COLUMNS = ("metric", "by", "value", "label", "before", "now", "difference", "share")
SHOWN = 50
STANDING_OUT = 3
# Of the whole difference, beyond what it would have had if all had grown alike.
_LEAST = 0.2
_ALIKE = Decimal("0.03")


@dataclass(frozen=True, slots=True)
class Contributor:
    """A value of a dimension; `query` is the usage of this value alone. `width` is that of its bar, of 100."""

    dimension: str
    label: str
    query: str
    change: Change
    share: str
    width: float
    share_before: str


def contributors(found: Explanation, metric: Metric, chosen: Filter) -> list[Contributor]:
    """Those that moved most first; `chosen` is the filter of the later stretch."""
    most = max((abs(each.difference) for each in found.parts), default=0)
    return [
        Contributor(
            dimension=LABELS[BY_NAME[each.by]],
            label=name_of(each),
            query=_query(each, chosen),
            change=Change(metric, each.before, each.now),
            share=part(each.share),
            width=round(float(100 * abs(each.difference) / most), 2),
            share_before=part(_share_before(each, found)),
        )
        for each in found.parts
    ]


def standing_out(found: Explanation, shown: Iterable[Contributor]) -> list[Contributor]:
    """Those whose part of the difference is much larger than what they had before: what has all of both explains nothing.

    None where both sides are nearly alike.
    """
    if abs(found.now - found.before) < _ALIKE * max(found.now, found.before):
        return []
    pairs = zip(found.parts, shown, strict=True)
    excess = [((each.share or 0) - _share_before(each, found), contributor) for each, contributor in pairs]
    ranked = sorted(excess, key=lambda pair: -pair[0])
    return [contributor for beyond, contributor in ranked[:STANDING_OUT] if beyond >= _LEAST]


def exported(found: Explanation, metric: str) -> Iterator[ExportRow]:
    """Every contributor as a line of a file, by the names of COLUMNS."""
    for each in found.parts:
        yield {
            "metric": metric,
            "by": each.by,
            "value": mask_text(each.key),
            "label": name_of(each),
            "before": each.before,
            "now": each.now,
            "difference": each.difference,
            "share": each.share,
        }


def name_of(each: Part) -> str:
    """What people read."""
    return mask_text(each.label) or "(none)"


def _share_before(each: Part, found: Explanation) -> float:
    return float(each.before / found.before) if found.before else 0.0


def _query(each: Part, chosen: Filter) -> str:
    """By the dimension alone where a filter cannot take the value, or must not have it in an address."""
    value = each.label if each.by == CLIENT_KEY else each.key
    if value and mask_text(value) == value:
        try:
            chosen = chosen.adding(each.by, value)
        except FilterError:
            pass
    return chosen.to_query(by=each.by)
