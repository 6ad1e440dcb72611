"""How many requests each value has that a filter's lists offer, from the sums of a period alone."""

from collections import defaultdict
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from dashboard.queries.sums.figures import rollups
from dashboard.queries.sums.spans import Span

# Columns of rollups by the field of the filter.
COUNTED = {"domain": "domain", "model": "model", "account": "account", "type": "request_type"}
MOST_VALUES = 200
_EACH = ", ".join(f"({column})" for column in COUNTED.values())


def counts(span: Span) -> dict[str, dict[str, int]]:
    """The values of each field of COUNTED in a span, the busiest first, whatever else is filtered by."""
    first, *others = (_columns(part) for part in rollups(span, Q()))
    rows, parameters = first.union(*others, all=True).query.sql_with_params()
    names = ", ".join((*COUNTED.values(), "requests"))
    # One look at the rows for all fields; grouped by all of them at once there would be almost as many groups as rows.
    statement = (
        f"SELECT {', '.join(COUNTED.values())}, sum(requests) FROM ({rows}) AS part ({names})"  # noqa: S608 - names are ours
        f" GROUP BY GROUPING SETS ({_EACH})"
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for *values, requests in sorted(cursor.fetchall(), key=lambda row: (-row[-1], *map(str, row))):
            for field, value in zip(COUNTED, values, strict=True):
                if value and len(found[field]) < MOST_VALUES:
                    found[field][value] = int(requests)
    return found


def _columns(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.order_by().values_list(*COUNTED.values(), "requests")
