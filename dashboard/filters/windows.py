"""A second stretch of time to compare with, as an address says it: `againstFrom` and `againstTo`."""

from collections.abc import Mapping
from datetime import datetime

from dashboard.filters.filter import Filter, FilterError, parse

FROM, TO = "againstFrom", "againstTo"
NAMES = (FROM, TO)


def query(stretch: tuple[datetime, datetime]) -> dict[str, str]:
    """The parameters of such a stretch."""
    given = Filter(since=stretch[0], until=stretch[1]).given()
    return {FROM: given["from"], TO: given["to"]}


def against(given: Mapping[str, str], zone: str) -> Filter | None:
    """The filter of the other window, None where an address has none; raises FilterError."""
    since, until = given.get(FROM, ""), given.get(TO, "")
    if not since and not until:
        return None
    if not (since and until):
        raise FilterError(FROM, "againstFrom and againstTo belong together: give both, or neither")
    try:
        return parse({"from": [since], "to": [until], "zone": [zone]})
    except FilterError as error:
        raise FilterError(f"against{error.name.capitalize()}", error.why) from error
