"""One colour for one value, in every chart: places of a palette by the order in which values were first met.

The order is asked once by each process and again when a value is shown that is not in it, so a chart costs no query. A palette has
fewer colours than a large company has values: of two in one chart that share a colour the later one takes the next that is free.
"""

from collections.abc import Iterable, Sequence

from django.db.models import Min, Q

from dashboard.queries.sums.breakdowns import By
from dashboard.queries.sums.figures import ROLLUPS
from dashboard.queries.sums.usage import OTHERS

# The classes of charts.css; the grey one is what is left over.
PALETTE = (0, 1, 2, 3, 4, 5, 7, 8)
GREY = 6
_orders: dict[str, list[str]] = {}


def colours(by: By, values: Iterable[str]) -> dict[str, int]:
    """The colour of each value of a dimension in a chart of these, and of OTHERS."""
    shown = [value for value in values if value != OTHERS]
    if by.of_conversations:
        return assigned(shown, shown) | {OTHERS: GREY}
    if not set(shown) - {""} <= set(_orders.get(by.name, ())):
        _orders[by.name] = _first_met(by)
    return assigned(_orders.get(by.name, []), shown) | {OTHERS: GREY}


def assigned(order: Sequence[str], shown: Iterable[str]) -> dict[str, int]:
    """By the place in the order, as far as it is free."""
    places = {value: place for place, value in enumerate(order)}
    found: dict[str, int] = {}
    for value in sorted(set(shown), key=lambda value: (places.get(value, len(places)), value)):
        place = places.get(value, len(places))
        turned = [PALETTE[(place + step) % len(PALETTE)] for step in range(len(PALETTE))]
        free = [colour for colour in turned if colour not in found.values()]
        found[value] = (free or turned)[0]
    return found


def _first_met(by: By) -> list[str]:
    of_dimension = Q() if by.tables is ROLLUPS else Q(dimension=by.name)
    rows = by.tables.days._default_manager.filter(of_dimension)
    met = (
        rows.exclude(**{by.column: ""})
        .order_by()
        .values(by.column)
        .annotate(first=Min("day"))
        .order_by("first", by.column)
    )
    return [row[by.column] for row in met]
