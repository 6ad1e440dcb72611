"""A file of prices beside the table: what differs, and what an upgrade or an operator takes over.

An upgrade adds the rows that are new and withdraws its own that are wrong. What an operator entered stays, and so does the rest
of a model that an operator prices: a mixture would bill neither by the one nor by the other.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction

from proxy.price_file import COLUMNS, PriceRow
from proxy.price_table import RATES, price_of
from proxy.store.models import Price
from proxy.wire.billing.price_book import PriceBook

# What a row says about itself: it changes no bill and needs no new row.
NOTES = ("source", "read_on")
# When and by which names a row is found: what it says a token costs stays the same.
FOUND_BY = ("aliases", "valid_to")


@dataclass(frozen=True, slots=True)
class Edit:
    """A row whose amounts are those of a file's, and the columns that count and are to change; none where it is a note alone."""

    old: Price
    row: PriceRow
    columns: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """What is to be done so that the table says what a file says.

    `edit` are rows with the same amounts that are found by other names, end at another time or tell another source. `kept` are
    rows of the file that an operator's price stands against: an upgrade leaves them out.
    """

    add: list[PriceRow] = field(default_factory=list)
    edit: list[Edit] = field(default_factory=list)
    withdraw: list[Price] = field(default_factory=list)
    kept: list[PriceRow] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return bool(self.add or self.edit or self.withdraw or self.kept)


def import_plan(wanted: Sequence[PriceRow], table: Iterable[Price]) -> Plan:
    """What an operator who takes a file over does to a table: its names then have the file's rows and no others."""
    found = {(row.model, row.valid_from): row for row in table if not row.withdrawn_at}
    names = {name for row in wanted for name in _names(row)}
    plan, right = Plan(), set()
    for row in wanted:
        old = found.get((row.model, row.valid_from))
        if old is None or _amounts(of_table(old)) != _amounts(row):
            plan.add.append(row)
            continue
        right.add(old)
        if of_table(old) != row:
            plan.edit.append(Edit(old, row, _changed(old, row)))
    plan.withdraw = [row for row in found.values() if row.model in names and row not in right]
    return plan


def upgrade_plan(wanted: Sequence[PriceRow], table: Iterable[Price], now: datetime) -> Plan:
    """What an upgrade to a version with the `wanted` prices does to a table: as much of that as touches no operator's price."""
    rows = list(table)
    whole = import_plan(wanted, rows)
    file = PriceBook(price_of(row.values) for row in wanted)
    replaced = {(row.model, row.valid_from) for row in wanted}
    mistakes = [row for row in whole.withdraw if row.shipped and _is_wrong(row, file)]
    gone = {row for row in mistakes if (row.model, row.valid_from) not in replaced}
    theirs = _operators_models(wanted, [row for row in rows if not row.withdrawn_at], gone, now)
    own = {(row.model, row.valid_from) for row in rows if row.shipped and not row.withdrawn_at}
    taken = {(row.model, row.valid_from) for row in rows if not row.shipped} - own

    plan = Plan()
    for row in whole.add:
        keeps = row.model in theirs or (row.model, row.valid_from) in taken
        (plan.kept if keeps else plan.add).append(row)
    for edit in whole.edit:
        if edit.old.shipped and edit.row.model not in theirs:
            plan.edit.append(edit)
        elif edit.columns:
            plan.kept.append(edit.row)
    model_of = {name: row.model for row in wanted for name in reversed(_names(row))}
    plan.withdraw = [
        row
        for row in whole.withdraw
        if row.shipped and (row in mistakes or model_of[row.model] not in theirs)
    ]
    return plan


@transaction.atomic
def apply(plan: Plan, *, shipped: Collection[PriceRow] = ()) -> None:
    """Carry a plan out; rows that are among `shipped` came with Nexus, others are an operator's."""
    for old in plan.withdraw:
        old.withdraw()
    for edit in plan.edit:
        old, row = edit.old, edit.row
        old.aliases, old.valid_to = list(row.aliases), row.valid_to
        old.source, old.read_on, old.shipped = row.source, row.read_on, row in shipped
        moved = ("changed_at",) if edit.columns else ()
        old.save(update_fields=(*FOUND_BY, *NOTES, "shipped", *moved))
    for row in plan.add:  # row by row: the audit sees what is saved
        Price.objects.create(**row.values | {"aliases": list(row.aliases)}, shipped=row in shipped)


def of_table(row: Price) -> PriceRow:
    """What a row of the table says."""
    return PriceRow(**{name: getattr(row, name) for name in COLUMNS} | {"aliases": tuple(row.aliases)})


def _changed(old: Price, row: PriceRow) -> tuple[str, ...]:
    return tuple(name for name in FOUND_BY if getattr(of_table(old), name) != getattr(row, name))


def _names(row: PriceRow) -> tuple[str, ...]:
    return (row.model, *row.aliases)


def _amounts(row: PriceRow) -> PriceRow:
    return replace(row, aliases=(), valid_to=None, source="", read_on=None)


def _is_wrong(row: Price, file: PriceBook) -> bool:
    """Whether the file says other rates for the moment from which on a row holds."""
    right = file.find(row.model, row.valid_from)
    return right is not None and any(getattr(row, name) != getattr(right.rates, name) for name in RATES)


def _operators_models(
    wanted: Iterable[PriceRow], found: Collection[Price], gone: Collection[Price], now: datetime
) -> set[str]:
    """The file's models of which an operator's row prices a name that a row of the file would take from it.

    It does so now, or once the mistakes are gone that nothing replaces at their date.
    """
    whole, rest = _book(found), _book(row for row in found if row not in gone)
    operators = {str(row.pk) for row in found if not row.shipped}
    theirs = set()
    for row in wanted:
        for name in _names(row):
            price, then = whole.find(name, now), rest.find(name, now)
            if then and then.id in operators and then.valid_from <= now:
                price = then
            # An alias takes nothing from a row of that very name.
            if price and price.id in operators and (name == row.model or price.model != name):
                theirs.add(row.model)
    return theirs


def _book(rows: Iterable[Price]) -> PriceBook:
    return PriceBook(price_of(of_table(row).values | {"id": str(row.pk)}) for row in rows)
