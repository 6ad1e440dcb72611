"""What an answer cost: every line of the bill, and whether the API bills exactly that.

Rules: https://docs.claude.com/en/docs/about-claude/pricing, with its pages on fast mode, data residency, batches and refusals.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import add
from typing import NamedTuple

from proxy.wire.billing.calls import Call, calls_of
from proxy.wire.billing.price_book import Price, PriceBook
from proxy.wire.billing.refusals import ONE_ATTEMPT, Attempts, is_free
from proxy.wire.billing.understood import credit_status, not_understood
from proxy.wire.billing.usage import Counts, Usage

__all__ = ["Bill", "Billed", "CostLine", "Price", "PriceBook", "Terms", "bill", "cost"]

EXACT, PARTIAL, NOTIONAL, UNPRICED, NONE = "exact", "partial", "notional", "unpriced", "none"

WEB_SEARCH = "web search"
CUT = "the answer was cut, so tokens may be missing"
REDEEMED = (
    "usage.fallback_credit was redeemed: some cache writes are billed as reads, so this is an upper bound"
)
_FAST = "fast"
_PER_MILLION, _PER_THOUSAND = 6, 3
_DIGIT = Decimal("1E-12")


class Factor(NamedTuple):
    """What multiplies a rate, and why."""

    name: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of a bill: `amount` USD is `quantity` times `rate` times all factors, the rate in USD per 10^`exponent`.

    `kind` is "" or which call beside the answer's own it belongs to; `over_tokens` is the size of a prompt over which the rate
    holds, 0 for any; `rate` is None where the price does not say it, and the line then costs nothing.
    """

    label: str
    model: str
    quantity: int
    rate: Decimal | None
    factors: tuple[Factor, ...]
    price_id: str
    kind: str = ""
    over_tokens: int = 0
    exponent: int = _PER_MILLION
    amount: Decimal = field(init=False)

    def __post_init__(self) -> None:
        """To 12 digits behind the point, so that lines add up to what is stored."""
        exact = self.quantity * (self.rate or Decimal(0))
        for factor in self.factors:
            exact *= factor.value
        object.__setattr__(self, "amount", exact.scaleb(-self.exponent).quantize(_DIGIT))


@dataclass(frozen=True, slots=True)
class Terms:
    """How calls were served, as the answer tells: it is what multiplies their rates."""

    fast: bool = False
    in_us: bool = False
    batch: bool = False


class Billed(NamedTuple):
    """What one model is billed for: tokens of all its calls, and USD, 0 where a model of the bill has no price."""

    model: str
    tokens: Counts = Counts(0, 0, 0, 0)
    cost_usd: Decimal = Decimal(0)

    def plus(self, tokens: Counts, cost_usd: Decimal) -> "Billed":
        return self._replace(tokens=Counts(*map(add, self.tokens, tokens)), cost_usd=self.cost_usd + cost_usd)


@dataclass(slots=True)
class Bill:
    """A bill in USD. `reasons` are sentences that say why it is not exact; it is `understated` where it may be too low by them.

    Unpriced, without lines, where a model in it has no price: `unpriced_model`. `price_id` is the price of the first call.
    """

    lines: list[CostLine] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    understated: bool = False
    price_id: str | None = None
    unpriced_model: str | None = None
    notional: bool = False
    billed: list[Billed] = field(default_factory=list)

    @property
    def amount(self) -> Decimal | None:
        if self.unpriced_model is not None:
            return None
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def state(self) -> str:
        if self.unpriced_model is not None:
            return UNPRICED
        if self.reasons:
            return PARTIAL
        return NOTIONAL if self.notional else EXACT

    def lacks(self, sentence: str) -> None:
        """Something that is billed is not in it."""
        self.understated = True
        self.reasons += [sentence] if sentence not in self.reasons else []


def cost(
    usage: Usage,
    model: str,
    at: datetime,
    book: PriceBook,
    *,
    attempts: Attempts = ONE_ATTEMPT,
    finished: bool = True,
    batch: bool = False,
) -> Bill:
    """The bill for one answer by `model` at the aware datetime `at`; `finished` says that its usage is complete."""
    calls, terms = calls_of(usage, model, attempts), terms_of(usage, batch=batch)
    found = bill(calls, terms, at, book, searches=dict(usage.server_tools).get("web_search", 0))
    for sentence in unknown_fields(usage):
        found.lacks(sentence)
    found.reasons += [REDEEMED] if is_redeemed(usage) else []
    found.reasons += [] if finished else [CUT]
    found.notional = usage.service_tier == "priority"
    return found


def terms_of(usage: Usage, *, batch: bool = False) -> Terms:
    """How the calls of an answer were served."""
    return Terms(usage.speed == _FAST, usage.inference_geo == "us", batch or usage.service_tier == "batch")


def unknown_fields(usage: Usage) -> list[str]:
    """Why a bill leaves out something that this usage tells, a sentence for each field."""
    return [f"usage.{name} is not understood" for name in not_understood(usage.raw)]


def is_redeemed(usage: Usage) -> bool:
    return credit_status(usage.raw.get("fallback_credit")) == "redeemed"


def bill(calls: Iterable[Call], terms: Terms, at: datetime, book: PriceBook, *, searches: int = 0) -> Bill:
    """The bill for calls that were served alike; web searches belong to the model of the first one."""
    found = Bill()
    by_model: dict[str, list[Call]] = {}
    for call in calls:
        by_model.setdefault(call.model, []).append(call)
    prices = {model: book.find(model, at) for model in by_model}
    for model, group in by_model.items():
        if price := prices[model]:
            found.price_id = found.price_id or price.id
            found.lines += (line for call in group for line in lines_of(call, terms, at, price, found))
            found.lines += _searches(searches, model, price, found)
        elif found.unpriced_model is None:
            found.unpriced_model = model
        searches = 0
    if found.unpriced_model is not None:
        found.lines, found.price_id = [], None
    found.billed = list(_billed(by_model, found.lines))
    return found


def _billed(by_model: Mapping[str, Iterable[Call]], lines: Iterable[CostLine]) -> Iterator[Billed]:
    for model, calls in by_model.items():
        amounts = (line.amount for line in lines if line.model == model)
        billed = Billed(model, cost_usd=sum(amounts, Decimal(0)))
        for call in calls:
            billed = billed.plus(call.tokens, Decimal(0))
        yield billed


def lines_of(call: Call, terms: Terms, at: datetime, price: Price, found: Bill) -> Iterator[CostLine]:
    """The lines for one call at a price; what they leave out is said to `found`."""
    factors = tuple(_factors(call, terms, at, price, found))
    # Fast mode has one rate for prompts of any size.
    fast = any(factor.name == _FAST for factor in factors)
    band = price.band if price.band and not fast and call.prompt_tokens > price.band.over_tokens else None
    rates, over_tokens = (band.rates, band.over_tokens) if band else (price.rates, 0)
    parts = (
        ("input", call.input_tokens, rates.input),
        ("output", call.output_tokens, rates.output),
        ("cache read", call.cache_read_tokens, rates.cache_read),
        ("cache write 5 min", call.cache_write_5m_tokens, rates.cache_write_5m),
        ("cache write 1 h", call.cache_write_1h_tokens, rates.cache_write_1h),
    )
    for label, tokens, rate in parts:
        if tokens:
            if rate is None:
                found.lacks(f"the price of {call.model} has no rate for {label}")
            yield CostLine(label, call.model, tokens, rate, factors, price.id, call.kind, over_tokens)


def _factors(call: Call, terms: Terms, at: datetime, price: Price, found: Bill) -> Iterator[Factor]:
    modes = (
        (terms.fast, _FAST, price.fast_factor, "fast mode"),
        (terms.in_us, "US inference", price.us_factor, "inference in the US"),
        (terms.batch, "batch", price.batch_factor, "batches"),
    )
    for used, name, value, mode in modes:
        if used and value is None:
            found.lacks(f"the price of {call.model} has no factor for {mode}")
        elif used and value is not None:
            yield Factor(name, value)
    free = is_free(call.refusal, at)
    if free:
        yield Factor("refused before any output", Decimal(0))
    elif free is None:
        sentence = f"{call.model} declined, and whether that is billed is not known: counted in full"
        found.reasons += [sentence] if sentence not in found.reasons else []


def _searches(count: int, model: str, price: Price, found: Bill) -> Iterator[CostLine]:
    if count:
        if price.web_search is None:
            found.lacks(f"the price of {model} has no rate for {WEB_SEARCH}")
        yield CostLine(WEB_SEARCH, model, count, price.web_search, (), price.id, exponent=_PER_THOUSAND)
