"""How a list is read page by page."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Query

from dashboard.api.shapes.camel import CamelSchema

MAX_LIMIT = 1000
MAX_OFFSET = 10_000
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Beyond 10,000 use `before`.")]


class Pagination(CamelSchema):
    """`nextBefore` continues the list fast at any depth: give it as `before`.

    `total` is null where the counters do not tell it. `lookedBackTo` is set where the looking stopped before the page was full.
    """

    total: int | None
    limit: int
    offset: int
    has_more: bool
    next_before: UUID | None
    looked_back_to: datetime | None = None
