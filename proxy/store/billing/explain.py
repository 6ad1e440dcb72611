"""The bill of a stored exchange, line by line, from what its row keeps.

The price that the exchange names counts for its model, even where it was withdrawn since or another one holds now: so the
lines add up to the stored cost, and where they do not, a note says why and what to do.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.secrets.masking import mask_text
from proxy import price_table
from proxy.store.billing.explain_notes import notes_of
from proxy.store.ingest import message_batches
from proxy.store.ingest.message_batches import BatchUsage
from proxy.store.models import Exchange
from proxy.store.models import Price as PriceRow
from proxy.store.pricing import costs
from proxy.wire.billing.price_book import Price, PriceBook, names_of
from proxy.wire.billing.pricing import Billed, CostLine, Factor

# The API's are short; what another upstream calls a call need not be.
_LONGEST_KIND = 40


@dataclass(frozen=True, slots=True)
class UsedPrice:
    """A row of the price table; `shipped` came with Nexus, any other is an operator's."""

    id: int
    model: str
    valid_from: datetime
    withdrawn_at: datetime | None
    shipped: bool

    def __str__(self) -> str:
        return f"{self.model} {self.since}"

    @property
    def since(self) -> str:
        """The same without its model."""
        marks = [] if self.shipped else ["an operator's"]
        marks += [f"withdrawn on {self.withdrawn_at:%Y-%m-%d}"] if self.withdrawn_at else []
        return f"from {self.valid_from:%Y-%m-%d}" + (f" ({', '.join(marks)})" if marks else "")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `amount` USD is `quantity` times `rate` for `per` of them, times all `factors`.

    `kind` is "" or which call beside the answer's own it belongs to; `over_tokens` is the size of a prompt over which the rate
    holds, 0 for any; `rate` is None where the price does not tell it.
    """

    label: str
    kind: str
    model: str
    quantity: int
    rate: Decimal | None
    per: int
    factors: tuple[Factor, ...]
    amount: Decimal
    over_tokens: int
    price: UsedPrice | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an exchange cost and why, fit to be seen: models and reasons are masked.

    `reasons` say why the cost is not exact, `notes` are sentences on all else. `billed` is what each model is billed for.
    """

    id: UUID
    model: str
    answered_model: str
    cost_state: str
    cost_usd: Decimal | None
    lines: tuple[Line, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    billed: tuple[Billed, ...]

    @property
    def total(self) -> Decimal:
        """What the lines add up to."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def adds_up(self) -> bool:
        """False where a price or the rule changed since, which a note explains."""
        return self.cost_usd is None or self.cost_usd == self.total


def explain(row: Exchange) -> Explanation:
    """The bill of a stored exchange."""
    found = message_batches.usage_of(row)
    lines = [] if row.cost_usd is None else list(_lines(row, found))
    used = PriceRow.objects.in_bulk({int(line.price_id) for line in lines})
    return Explanation(
        id=row.id,
        model=mask_text(row.model),
        answered_model=mask_text(row.answered_model or row.model),
        cost_state=row.cost_state,
        cost_usd=row.cost_usd,
        lines=tuple(_shown(line, used) for line in lines),
        reasons=tuple(mask_text(reason) for reason in row.cost_reason.split("; ") if reason),
        notes=tuple(notes_of(row, found, lines)),
        billed=tuple(_billed(row)),
    )


def _lines(row: Exchange, found: BatchUsage | None) -> Iterable[CostLine]:
    if found:
        at = found.priced_at or row.started_at
        named = {share.model: share.price_id for share in found.results.shares}
        bills = costs.bills_of_batch(found.results, at, _AsBilled(named))
        return [line for bill in bills for line in bill.lines]
    response = costs.response_of(row)
    return costs.bill_of(row, response, _AsBilled({response.model or row.model: row.price_id})).lines


class _AsBilled(PriceBook):
    """The price table, with the prices that an exchange names before all others of their models."""

    def __init__(self, named: Mapping[str, int | None]) -> None:
        super().__init__(price_table.read())
        prices = {model: self.by_id.get(str(price_id)) for model, price_id in named.items()}
        self._named = {model: price for model, price in prices.items() if price and _is_of(price, model)}

    def find(self, model: str, at: datetime) -> Price | None:
        return self._named.get(model) or super().find(model, at)


def _is_of(price: Price, model: str) -> bool:
    """A row that was made something else since is no longer the price that was meant."""
    return not {price.model, *price.aliases}.isdisjoint(names_of(model))


def _shown(line: CostLine, used: Mapping[int, PriceRow]) -> Line:
    row = used.get(int(line.price_id))
    return Line(
        label=line.label,
        kind=mask_text(line.kind)[:_LONGEST_KIND],
        model=mask_text(line.model),
        quantity=line.quantity,
        rate=line.rate,
        per=10**line.exponent,
        factors=line.factors,
        amount=line.amount,
        over_tokens=line.over_tokens,
        price=_used(row) if row else None,
    )


def _used(row: PriceRow) -> UsedPrice:
    return UsedPrice(row.pk, row.model, row.valid_from, row.withdrawn_at, row.shipped)


def _billed(row: Exchange) -> Iterator[Billed]:
    """Nothing where nobody reported anything that could be billed."""
    for billed in costs.billed_of(row):
        if row.cost_usd is not None or any(billed.tokens):
            yield billed._replace(model=mask_text(billed.model))
