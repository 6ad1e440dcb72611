"""Client keys by their names, which people know; records have the numbers of their rows."""

from collections.abc import Iterable

from accounts.models import ClientKey
from dashboard.queries import narrowed


def keys_called(name: str) -> list[int]:
    """The keys of this name, which domains may share, else the one of this number."""
    named = list(narrowed.rows(ClientKey).filter(name=name).values_list("pk", flat=True))
    return named or ([int(name)] if name.isascii() and name.isdigit() and len(name) < 10 else [])


def names_of(numbers: Iterable[str]) -> dict[str, str]:
    """What the keys in records are called, by what records say of them: the number of a row, or already a name."""
    known = {number: int(number) for number in set(numbers) if number.isascii() and number.isdigit()}
    named = (
        dict(narrowed.rows(ClientKey).filter(pk__in=known.values()).values_list("pk", "name"))
        if known
        else {}
    )
    return {number: named[pk] for number, pk in known.items() if pk in named}


def names(limit: int = 200) -> list[str]:
    """The names of those that still open something, for the filter's suggestions."""
    found = narrowed.rows(ClientKey).filter(revoked_at=None).order_by("name").values_list("name", flat=True)
    return list(found.distinct()[:limit])
