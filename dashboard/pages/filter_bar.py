"""The filter of a page: what its address asks for, what the page can serve of it, and a sentence for what it cannot."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.http import HttpRequest
from django.utils import timezone

from dashboard.filters import periods
from dashboard.filters.filter import BY_NAME, CLASSES, HELP, LABELS, Filter, FilterError, parse
from dashboard.queries import client_keys
from dashboard.queries.sums.counts import COUNTED, counts
from dashboard.queries.sums.spans import Span, span_of
from dashboard.templatetags.nexus import grouped
from proxy.record import OUTCOMES

# Fields that stand in the bar at once; the others are behind "More".
FIRST = ("period", "domain", "model")
CHOICES = {
    "period": periods.NAMES,
    "outcome": {outcome: outcome.replace("_", " ") for outcome in OUTCOMES},
    "status": {name: name for name in CLASSES},
}
# Parameters of an address that say where in a list somebody is: what filters anew begins at its first page.
PLACES = ("before", "after", "at")
# A part of a domain's name is enough, and a status is a number too: what else has choices is chosen from them.
_TYPED = ("domain", "status", "clientKey")


@dataclass(frozen=True, slots=True)
class Field:
    """One input of the bar; `choices` are what people read, by value, of a `select` or a `list`; a `text` has none."""

    name: str
    label: str
    help: str
    value: str
    choices: dict[str, str]
    kind: str = "text"
    unset: str = "Any"


@dataclass(frozen=True, slots=True)
class Chip:
    """A part of the filter that is on, and the query without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True)
class FilterBar:
    """`filter` is what the page goes by; `notices` say what of its address it cannot use, `kept` what else is in its address.

    `unset` is what the picker calls the period of a page whose address names none, `counted` of which period it counts values then.
    """

    filter: Filter
    notices: list[str]
    served: tuple[str, ...]
    kept: dict[str, str]
    unset: str
    counted: str

    def serving(self, serves: Collection[str], what: str = "this page") -> "FilterBar":
        """Without what `what` cannot be filtered by, each with a notice; it offers the fields of `serves`."""
        served = tuple(name for name in BY_NAME if name in serves)
        found = replace(self, served=served)
        for name in self.filter.given():
            if name not in serves:
                why = f"{what} cannot be filtered by it, so all is shown; Requests can"
                found = found.dropping(FilterError(name, why))
        return found

    def dropping(self, error: FilterError) -> "FilterBar":
        """Without the part of the filter that the error is about, and its sentence as a notice."""
        return replace(self, filter=self.filter.without(error.name), notices=[*self.notices, str(error)])

    def keeping(self, **kept: str) -> "FilterBar":
        """With these parameters beside the filter in what it leads to, in place of those of the address."""
        return replace(self, kept=kept)

    @property
    def is_narrow(self) -> bool:
        """Whether it asks for more than a domain."""
        return bool(self.filter.without("domain").without("zone").given())

    def chips(self) -> list[Chip]:
        """What is on, each with the query that takes it off."""
        return [
            Chip(LABELS[BY_NAME[name]], value, self.filter.without(name).to_query(**self.kept))
            for name, value in self.filter.given().items()
        ]

    def adding(self, name: str, value: str) -> str:
        """The query with a value of a table as a filter besides, on the first page of a list; "" where that cannot be."""
        try:
            return (
                self.filter.adding(name, value).to_query(**self.lasting)
                if value and name in self.served
                else ""
            )
        except FilterError:
            return ""

    def first(self) -> list[Field]:
        """The inputs that are always there: all where there are few."""
        return [field for field in self._fields if field.name in FIRST or self._has_few]

    def more(self) -> list[Field]:
        """The inputs behind "More"."""
        return [field for field in self._fields if not (field.name in FIRST or self._has_few)]

    def in_use(self) -> int:
        """How many of those behind "More" are on."""
        return sum(bool(field.value) for field in self.more())

    def chosen(self, name: str, choices: Sequence[str]) -> str:
        """One of `choices` by another parameter of the address, else the first, and a notice where it is none of them."""
        value = self.kept.get(name, "")
        if value and value not in choices:
            self.notices.append(f"{name}: it is none of {', '.join(choices)}.")
        return value if value in choices else choices[0]

    def query(self) -> str:
        """The filter as the query of another page."""
        return self.filter.to_query()

    def newest(self) -> str:
        """The query of the same page from its beginning on."""
        return self.filter.to_query(**self.lasting)

    @property
    def lasting(self) -> dict[str, str]:
        """What else is in the address, but for a place in a list."""
        return {name: value for name, value in self.kept.items() if name not in PLACES}

    @property
    def _has_few(self) -> bool:
        return len(self.served) <= len(FIRST)

    @cached_property
    def _fields(self) -> list[Field]:
        """Made where the bar is shown: a fragment has none, and asks no database for suggestions."""
        return list(self._made())

    def _made(self) -> Iterator[Field]:
        given, span = self.filter.given(), self._span()
        counted = counts(span)
        for name in self.served:
            value = given.get(name, "")
            choices = self._choices(name, counted)
            kind = "text" if not choices else "list" if name in _TYPED else "select"
            if kind == "select" and value not in choices:
                choices = {value: value, **choices} if value else choices
            unset = self.unset if name == "period" else "Any"
            note = f" In brackets: requests, {span.name}." if name in COUNTED else ""
            yield Field(name, LABELS[BY_NAME[name]], HELP[BY_NAME[name]] + note, value, choices, kind, unset)

    def _choices(self, name: str, counted: dict[str, dict[str, int]]) -> dict[str, str]:
        if name == "clientKey":
            return {key: key for key in client_keys.names()}
        if name in COUNTED:
            return {value: f"{value} ({grouped(count)})" for value, count in counted[name].items()}
        fixed = CHOICES.get(name, {}).items()
        return {value: label for value, label in fixed if label != self.unset or value == self.filter.period}

    def _span(self) -> Span:
        chosen = self.filter.only(("period", "from", "to", "zone")).in_period(self.counted)
        return span_of(chosen, timezone.now())


def filter_bar(
    request: HttpRequest,
    serves: Collection[str],
    others: Collection[str] = (),
    unset: str = "Any",
    counted: str = "7d",
) -> FilterBar:
    """The filter of a page that can serve these fields, by their names in addresses; its other parameters are `others`."""
    given = dict(request.GET.lists())
    notices = []
    while True:
        try:
            found = parse(given, others)
            break
        except FilterError as error:
            notices.append(str(error))
            given = {name: values for name, values in given.items() if name != error.name}
    kept = {name: request.GET[name] for name in others if name in request.GET}
    return FilterBar(found, notices, (), kept, unset, counted).serving(serves)
