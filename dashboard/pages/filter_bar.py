"""The filter of a page: what its address asks for, what the page can serve of it, and a sentence for what it cannot."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest

from dashboard.filters import periods
from dashboard.filters.filter import BY_NAME, CLASSES, HELP, LABELS, Filter, FilterError, parse
from dashboard.queries import exchanges
from proxy.record import OUTCOMES

# Fields that stand in the bar at once; the others are behind "More".
FIRST = ("period", "domain", "model")
CHOICES = {
    "period": periods.NAMES,
    "outcome": {outcome: outcome.replace("_", " ") for outcome in OUTCOMES},
    "status": {name: name for name in CLASSES},
}


@dataclass(frozen=True, slots=True)
class Field:
    """One input of the bar; `choices` are suggestions of a list, by value, or empty for a text."""

    name: str
    label: str
    help: str
    value: str
    choices: dict[str, str]
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Chip:
    """A part of the filter that is on, and the query without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True)
class FilterBar:
    """`filter` is what the page goes by; `notices` say what of its address it cannot use, `kept` what else is in its address."""

    filter: Filter
    notices: list[str]
    served: tuple[str, ...]
    kept: dict[str, str]

    def chips(self) -> list[Chip]:
        """What is on, each with the query that takes it off."""
        return [
            Chip(LABELS[BY_NAME[name]], value, self.filter.without(name).to_query(**self.kept))
            for name, value in self.filter.given().items()
        ]

    def first(self) -> list[Field]:
        """The inputs that are always there."""
        return [field for field in self._fields if field.name in FIRST]

    def more(self) -> list[Field]:
        """The inputs behind "More"."""
        return [field for field in self._fields if field.name not in FIRST]

    def in_use(self) -> int:
        """How many of those behind "More" are on."""
        return sum(bool(field.value) for field in self.more())

    def query(self) -> str:
        """The filter as the query of another page."""
        return self.filter.to_query()

    def newest(self) -> str:
        """The query of the same page from its beginning on."""
        return self.filter.to_query(**{name: value for name, value in self.kept.items() if name != "before"})

    @cached_property
    def _fields(self) -> list[Field]:
        """Made where the bar is shown: a fragment has none, and asks no database for suggestions."""
        return list(self._made())

    def _made(self) -> Iterator[Field]:
        given = self.filter.given()
        for name in self.served:
            attribute = BY_NAME[name]
            choices = CHOICES.get(name, {})
            if name == "domain":
                choices = {domain: domain for domain in exchanges.domain_names()}
            kind = "select" if name in ("period", "outcome") else "list" if choices else "text"
            yield Field(name, LABELS[attribute], HELP[attribute], given.get(name, ""), choices, kind)


def filter_bar(request: HttpRequest, serves: Collection[str], others: Collection[str] = ()) -> FilterBar:
    """The filter of a page that can serve these fields; its other parameters are `others`."""
    given = dict(request.GET.lists())
    notices = []
    while True:
        try:
            found = parse(given, others)
            break
        except FilterError as error:
            notices.append(str(error))
            given = {name: values for name, values in given.items() if name != error.name}
    for name in found.given():
        if name not in serves and not (name == "zone" and "period" in serves):
            notices.append(f"{name}: this page cannot be filtered by it, so it shows all; Requests can.")
            found = found.without(name)
    kept = {name: request.GET[name] for name in others if name in request.GET}
    return FilterBar(found, notices, tuple(name for name in BY_NAME if name in serves), kept)
