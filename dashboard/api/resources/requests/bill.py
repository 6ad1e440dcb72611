"""The bill of an exchange in the API's shapes, amounts as exact decimals in texts."""

from dashboard.api.resources.requests.schemas import BilledModel, CostFactor, CostLine
from dashboard.api.shapes.amounts import decimal
from proxy.store.billing.explain import Explanation, Line
from proxy.store.metric_fields import BILLED_TOKENS, values
from proxy.store.pricing.costs import plain
from proxy.wire.billing.usage import COUNT_COLUMNS


def cost_lines(bill: Explanation) -> list[CostLine]:
    """Each line."""
    return [_line(line) for line in bill.lines]


def _line(line: Line) -> CostLine:
    return CostLine(
        label=line.label,
        kind=line.kind,
        model=line.model,
        quantity=line.quantity,
        rate=decimal(line.rate),
        per=line.per,
        factors=[CostFactor(name=factor.name, value=plain(factor.value)) for factor in line.factors],
        amount=plain(line.amount),
        over_tokens=line.over_tokens,
        price_id=line.price.id if line.price else None,
        price=str(line.price) if line.price else None,
    )


def billed_models(bill: Explanation) -> list[BilledModel]:
    """What each model is billed for."""
    return [
        BilledModel(
            model=billed.model,
            **values(BILLED_TOKENS, dict(zip(COUNT_COLUMNS, billed.tokens, strict=True))),
            cost=None if bill.cost_usd is None else plain(billed.cost_usd),
        )
        for billed in bill.billed
    ]
