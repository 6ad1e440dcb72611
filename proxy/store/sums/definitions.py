"""What is summed up of exchanges and under which key, said twice: in Python for ingest, which may keep no rows, and in SQL
for the rebuild, which has nothing but rows. A test compares the two."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Self

from proxy.record import CLIENT_LEFT, COMPLETE
from proxy.store.models import Counters, Exchange
from proxy.store.pricing import costs
from proxy.store.sums import histogram
from proxy.wire.pricing import Billed

UNKNOWN_DOMAIN = "(unknown)"

Key = tuple[datetime, str, str, str, str]
KEY = ("hour", "domain", "account", "model", "request_type")
SUMS = tuple(field.attname for field in Counters._meta.get_fields() if field.concrete)
# A domain's totals have no request type, so these two are sums there.
SUMS_OF_DOMAIN = (*SUMS, "query_evaluations", "inferences")


@dataclass(slots=True)
class Tally:
    """Sums over some exchanges, under the names of the columns of `Counters` and `DomainTotal`."""

    requests: int = 0
    stored: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    tool_calls: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0
    partial: int = 0
    duration_ms: int = 0
    kept_bytes: int = 0
    notional: int = 0
    query_evaluations: int = 0
    inferences: int = 0
    last_at: datetime | None = None
    durations: list[int] = field(default_factory=lambda: [0] * histogram.BUCKETS)

    def add(self, row: Exchange, *, kept: bool) -> None:
        """All of an exchange but what its models are billed for."""
        self.requests += 1
        self.stored += kept
        self.errors += row.outcome not in (COMPLETE, CLIENT_LEFT)
        self.tool_calls += row.tool_calls
        self.unpriced += row.cost_state == costs.UNPRICED
        self.partial += row.cost_state == costs.PARTIAL
        self.notional += row.cost_state == costs.NOTIONAL
        self.duration_ms += row.duration_ms
        self.kept_bytes += row.request_bytes + row.response_bytes if kept else 0
        self.query_evaluations += row.request_type == "query_evaluation"
        self.inferences += row.request_type == "inference"
        self.last_at = max(self.last_at or row.started_at, row.started_at)
        self.durations[histogram.bucket(row.duration_ms)] += 1

    def add_billed(self, row: Exchange, billed: Billed) -> None:
        """What one model of an exchange is billed for; a rollup of nothing else has had an exchange all the same."""
        self.input_tokens += billed.tokens.input
        self.output_tokens += billed.tokens.output
        self.cache_read_tokens += billed.tokens.cache_read
        self.cache_write_tokens += billed.tokens.cache_write
        self.cost_usd += billed.cost_usd
        self.last_at = max(self.last_at or row.started_at, row.started_at)

    def __sub__(self, other: Self) -> "Tally":
        """What has to be added to `other` to get this one."""
        less = {name: getattr(self, name) - getattr(other, name) for name in SUMS_OF_DOMAIN}
        durations = [mine - theirs for mine, theirs in zip(self.durations, other.durations, strict=True)]
        return replace(self, **less, durations=durations)


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
BILLED = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd")
SUMS_IN_SQL = {name: f"coalesce({name}, 0)" for name in SUMS} | {
    **{name: f"CASE WHEN billed IS NULL THEN coalesce({name}, 0) ELSE 0 END" for name in BILLED},
    "requests": "1",
    "stored": "1",
    "errors": f"(outcome NOT IN ('{COMPLETE}', '{CLIENT_LEFT}'))::int",
    "unpriced": f"(cost_state = '{costs.UNPRICED}')::int",
    "partial": f"(cost_state = '{costs.PARTIAL}')::int",
    "notional": f"(cost_state = '{costs.NOTIONAL}')::int",
    "kept_bytes": "request_bytes + response_bytes",
}
# The same of one element of `billed`: nothing but what that model is billed for.
BILLED_MODEL_IN_SQL = "(one->>0)"
BILLED_IN_SQL = dict.fromkeys(SUMS, "0") | {
    name: f"(one->>{position})::{'numeric' if name == 'cost_usd' else 'bigint'}"
    for position, name in enumerate(BILLED, 1)
}
# width_bucket counts the bounds up to a value, histogram.bucket those below it.
BUCKET_IN_SQL = f"width_bucket(duration_ms - 1, ARRAY{list(histogram.BOUNDS_MS)})"
