"""The API's lists: newest first, cut by `limit`, `after_id` and `before_id`."""

from collections.abc import Mapping, Sequence

from nexus_project.demo.emulator.api.call import Json


def page(items: Sequence[Json], query: Mapping[str, str]) -> Json:
    """Return the page of `items` that the query asks for (20 items unless it says otherwise)."""
    identifiers = [item["id"] for item in items]
    limit = max(1, int(query["limit"])) if query.get("limit", "").isdecimal() else 20
    after, before = query.get("after_id"), query.get("before_id")
    start, stop = 0, len(items)
    if after in identifiers:
        start = identifiers.index(after) + 1
    if before in identifiers:
        stop = identifiers.index(before)
        start = max(0, stop - limit)
    found = list(items[start : min(stop, start + limit)])
    return {
        "data": found,
        "has_more": start > 0 if before in identifiers else start + limit < len(items),
        "first_id": found[0]["id"] if found else None,
        "last_id": found[-1]["id"] if found else None,
    }
