"""How the metrics of `proxy.metrics` are summed up and under which key, said twice: in Python for ingest, which may keep no
rows, and in SQL for the rebuild, which has nothing but rows. A test compares the two."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import sub
from typing import Any, Self

from proxy.histograms import HISTOGRAMS
from proxy.metrics import BILLED, BY_NAME, COUNTED, OF_TYPE, SUMS, Counted, OfType, Unit
from proxy.store.models import Exchange
from proxy.wire.billing.pricing import Billed

UNKNOWN_DOMAIN = "(unknown)"

Key = tuple[datetime, str, str, str, str]
KEY = ("hour", "domain", "account", "model", "request_type")
Number = int | Decimal

# In the order of SUMS_OF_DOMAIN, after what is billed.
_SOURCES: dict[str, Counted | OfType] = {**COUNTED, **OF_TYPE}
_MEASURES = [source.of for source in _SOURCES.values()]
# Storage off: what is of kept exchanges only gets nothing.
_MEASURES_UNKEPT = [
    (lambda row: 0) if BY_NAME[name].kept_only else source.of for name, source in _SOURCES.items()
]


def counts_of(row: Exchange, *, kept: bool) -> list[int]:
    """What an exchange adds to the sums, but for what its models are billed for."""
    return [measure(row) for measure in (_MEASURES if kept else _MEASURES_UNKEPT)]


@dataclass(slots=True)
class Tally:
    """Sums over some exchanges: what was added so far, row by row, is summed up once they are asked for."""

    billed: list[Sequence[Number]] = field(default_factory=list)
    counts: list[Sequence[Number]] = field(default_factory=list)
    last_at: datetime | None = None
    histograms: list[list[int]] = field(default_factory=lambda: [[0] * each.buckets for each in HISTOGRAMS])

    def add(self, row: Exchange, counts: Sequence[int]) -> None:
        """An exchange by its `counts_of`, without what its models are billed for."""
        self.counts.append(counts)
        self.last_at = max(self.last_at or row.started_at, row.started_at)
        for counted, histogram in zip(self.histograms, HISTOGRAMS, strict=True):
            value = histogram.of(row)
            if value is not None:
                counted[histogram.bucket(value)] += 1

    def add_billed(self, row: Exchange, billed: Billed) -> None:
        """What one model of an exchange is billed for; a rollup of nothing else has had an exchange all the same."""
        self.billed.append((*billed.tokens, billed.cost_usd))
        self.last_at = max(self.last_at or row.started_at, row.started_at)

    @property
    def sums(self) -> list[Number]:
        """In the order of SUMS_OF_DOMAIN."""
        return [*_summed(self.billed, len(BILLED)), *_summed(self.counts, len(_MEASURES))]

    def __sub__(self, other: Self) -> "Tally":
        """What has to be added to `other` to get this one."""
        less = [*map(sub, self.sums, other.sums)]
        pairs = zip(self.histograms, other.histograms, strict=True)
        histograms = [[*map(sub, mine, theirs)] for mine, theirs in pairs]
        return Tally([less[: len(BILLED)]], [less[len(BILLED) :]], self.last_at, histograms)

    @property
    def of_hour(self) -> Sequence[Any]:
        """The values of a rollup: SUMS and HISTOGRAMS."""
        return (*self.sums[: len(SUMS)], *self.histograms)

    @property
    def of_domain(self) -> Sequence[Any]:
        """The values of a domain: SUMS_OF_DOMAIN and the last moment."""
        return (*self.sums, self.last_at)


def _summed(rows: Sequence[Sequence[Number]], width: int) -> Sequence[Number]:
    if len(rows) == 1:
        return rows[0]
    return [*map(sum, zip(*rows, strict=True))] if rows else [0] * width


def key_of(row: Exchange, model: str) -> Key:
    """The rollup in which a model of an exchange counts. Strangers share theirs, whatever they asked for."""
    hour = row.started_at.replace(minute=0, second=0, microsecond=0)
    if row.counts_as == UNKNOWN_DOMAIN:
        return hour, UNKNOWN_DOMAIN, "", "", row.request_type
    return hour, row.counts_as or row.domain, row.account, model, row.request_type


KEY_IN_SQL = {
    "hour": "date_trunc('hour', started_at, 'UTC')",
    "domain": "coalesce(nullif(counts_as, ''), domain)",
    "account": f"CASE counts_as WHEN '{UNKNOWN_DOMAIN}' THEN '' ELSE account END",
    "model": f"CASE counts_as WHEN '{UNKNOWN_DOMAIN}' THEN '' ELSE {{model}} END",
    "request_type": "request_type",
}
# The model whose rollup counts an exchange, and the sums of all but what its models are billed for.
OWN_MODEL_IN_SQL = "coalesce(billed->0->>0, model)"
SUMS_IN_SQL = {
    **{name: f"CASE WHEN billed IS NULL THEN coalesce({name}, 0) ELSE 0 END" for name in BILLED},
    **{name: source.sql for name, source in COUNTED.items()},
}
# The same of one element of `billed`: nothing but what that model is billed for.
BILLED_MODEL_IN_SQL = "(one->>0)"
BILLED_IN_SQL = dict.fromkeys(SUMS, "0") | {
    name: f"(one->>{source.place})::{'numeric' if BY_NAME[name].unit is Unit.USD else 'bigint'}"
    for name, source in BILLED.items()
}


def _billed_together(name: str) -> str:
    of_each = f"SELECT sum({BILLED_IN_SQL[name]}) FROM jsonb_array_elements(billed) AS one"  # noqa: S608 - our names
    return f"CASE WHEN billed IS NULL THEN coalesce({name}, 0) ELSE ({of_each}) END"


# What a stored exchange adds, all its models together.
SUMS_TOGETHER_IN_SQL = {
    **{name: _billed_together(name) for name in BILLED},
    **{name: source.sql for name, source in COUNTED.items()},
}
# Of all rollups of a domain.
TYPES_IN_SQL = {
    name: f"coalesce(sum(requests) FILTER (WHERE request_type = '{source.request_type}'), 0)"
    for name, source in OF_TYPE.items()
}
