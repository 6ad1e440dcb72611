"""By what exchanges are broken down, said twice: in Python for ingest, which may keep no rows, and in SQL for a rebuild.

Nothing here asks anything of a database or of Django. Models, domains, accounts and types are columns of the rollups themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 255
# Of one domain, dimension and day; the smallest beyond it are one value.
MOST_VALUES = 10_000
OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Dimension:
    """`name` is its name in the API, `of` the values of an exchange, each once, and `sql` the same as an array of text.

    `by_strangers`: what a stranger sends can be any value, so that its requests count as "".
    """

    name: str
    of: Callable[[Any], Sequence[str]]
    sql: str
    by_strangers: bool = False


DIMENSIONS = (
    Dimension("clientKey", lambda row: (row.client_key,), "ARRAY[client_key]"),
    Dimension("person", lambda row: (row.user_id,), "ARRAY[user_id]", by_strangers=True),
    Dimension(
        "tool",
        lambda row: sorted({name[:LONGEST] for name in row.tool_names}),
        f"ARRAY(SELECT DISTINCT left(name, {LONGEST}) FROM unnest(tool_names) AS name)",  # noqa: S608 - ours
    ),
    # Without one there is nothing to break down.
    Dimension(
        "errorType",
        lambda row: (row.error_type,) if row.error_type else (),
        "array_remove(ARRAY[error_type], '')",
    ),
    Dimension("outcome", lambda row: (row.outcome,), "ARRAY[outcome]"),
)
BY_NAME = {dimension.name: dimension for dimension in DIMENSIONS}
