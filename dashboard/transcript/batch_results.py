"""The results of a batch as their page shows them: what they say, what they cost, and the first few, never the whole file."""

import json
from dataclasses import dataclass

from accounts.secrets.masking import mask_json, mask_text
from proxy.metrics import METRICS, Metric, Unit
from proxy.store.ingest.message_batches import BatchUsage
from proxy.wire.batches import Share, first_results
from proxy.wire.lenient import as_dict, as_text

FIRST = 20
MAX_CHARACTERS = 2_000
# What a share has of the table of metrics.
TOKENS = tuple(
    metric for metric in METRICS if metric.unit is Unit.TOKENS and metric.name in Share.__struct_fields__
)


@dataclass(frozen=True, slots=True)
class Line:
    """One result; `note` says what is missing from its text."""

    custom_id: str
    kind: str
    text: str
    note: str


@dataclass(frozen=True, slots=True)
class BatchResults:
    """One fetch of results. Models and ids are masked; beside each share its counts of TOKENS."""

    usage: BatchUsage
    shares: list[tuple[str, Share, list[int]]]
    first: list[Line]

    @property
    def tokens(self) -> tuple[Metric, ...]:
        return TOKENS

    @property
    def lines(self) -> int:
        return sum(self.usage.results.types.values())


def shown(usage: BatchUsage, body: bytes) -> BatchResults:
    """What the page shows of a fetch and its body, which may be empty or cut."""
    shares = [
        (mask_text(share.model), share, [getattr(share, metric.name) for metric in TOKENS])
        for share in usage.results.shares
    ]
    return BatchResults(usage, shares, [_line(fields) for fields in first_results(body, FIRST)])


def _line(fields: dict[str, object]) -> Line:
    text = json.dumps(mask_json(fields.get("result")), indent=2, ensure_ascii=False)
    cut = f"The first {MAX_CHARACTERS:,} of {len(text):,} characters." if len(text) > MAX_CHARACTERS else ""
    return Line(
        custom_id=mask_text(as_text(fields.get("custom_id")) or "?"),
        kind=mask_text(as_text(as_dict(fields.get("result")).get("type")) or "unreadable"),
        text=text[:MAX_CHARACTERS],
        note=cut,
    )
