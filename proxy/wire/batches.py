"""Message batches: which one an answer creates, and what the lines of its results consumed.

Format: https://docs.claude.com/en/api/retrieving-message-batch-results. One JSON object a line, in any order.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from itertools import islice

import msgspec

from proxy.wire.billing.calls import Call
from proxy.wire.billing.pricing import Terms
from proxy.wire.billing.usage import Counts, counts_in
from proxy.wire.lenient import as_count, as_dict, as_text, parse

SEVERAL = "(several)"
OTHERS = "(others)"
RESULT_TYPES = ("succeeded", "errored", "canceled", "expired")
UNREADABLE = "unreadable"

_CREATE = "/v1/messages/batches"
_RESULTS = re.compile(r"/v1/messages/batches/([^/]+)/results/?")


@dataclass(frozen=True, slots=True)
class Created:
    """A batch that was just created; `created_at` and `requests` are None where the answer does not tell."""

    batch_id: str
    created_at: datetime | None
    requests: int | None


class Share(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the calls of one model that cost alike are billed for, so that a new price needs nothing else.

    `answers` is 0 for a model that only worked inside those of others. Alike are calls of one speed, place and way in which
    they ended (`billing.refusals`), with a prompt of more than `over_tokens` tokens and not more than the next threshold.
    """

    model: str
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    web_searches: int = 0
    cost_usd: Decimal | None = None
    price_id: int | None = None
    over_tokens: int = 0
    fast: bool = False
    in_us: bool = False
    refusal: str = ""

    @property
    def call(self) -> Call:
        """The same, as a bill is made of it."""
        return Call(
            model=self.model,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_tokens=self.cache_read_tokens,
            cache_write_5m_tokens=self.cache_write_tokens - self.cache_write_1h_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens,
            prompt_tokens=self.over_tokens + 1 if self.over_tokens else 0,
            refusal=self.refusal,
        )

    @property
    def terms(self) -> Terms:
        return Terms(self.fast, self.in_us, batch=True)


class Results(msgspec.Struct, frozen=True):
    """What a file of results says. Token counts are the sums of what the answers reported; `shares` is what is billed.

    `types` counts the lines by their type, with `other` for one that is not known and UNREADABLE for what is no result.
    `whole` is false where the last line was cut; `model` is what all answers share, else SEVERAL, "" without any.
    `reasons` say why the bill is not exact, whatever the prices are; `thresholds` are those that `shares` were made by, none in
    what an earlier version counted.
    """

    types: dict[str, int]
    whole: bool
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    shares: list[Share]
    reasons: list[str] = []
    thresholds: tuple[int, ...] = ()

    @property
    def counts(self) -> Counts:
        return counts_in(self)

    @property
    def read(self) -> int:
        """The lines that are results."""
        return sum(self.types.values()) - self.unreadable

    @property
    def unreadable(self) -> int:
        return self.types.get(UNREADABLE, 0)


def created(method: str, path: str, status: int, content: dict[str, object] | None) -> Created | None:
    """The batch that a request to `path` (without query) created, None where it created none."""
    fields = as_dict(content)
    batch_id = as_text(fields.get("id"))
    if (method, path.rstrip("/"), status) != ("POST", _CREATE, 200) or not batch_id:
        return None
    counts = [as_count(value) for value in as_dict(fields.get("request_counts")).values()]
    return Created(batch_id, _moment(fields.get("created_at")), sum(filter(None, counts)) or None)


def batch_of_results(method: str, path: str) -> str | None:
    """The id of the batch whose results a request to `path` (without query) asks for."""
    asked = _RESULTS.fullmatch(path)
    return asked[1] if asked and method == "GET" else None


def first_results(body: bytes, count: int) -> list[dict[str, object]]:
    """The first few results of a file, parsed."""
    return [fields for line in islice(BytesIO(body), count) if (fields := as_dict(parse(line)))]


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(as_text(value) or "")
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
