"""A file of prices and the table: what an upgrade may do, and what only an operator may."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.price_file import COLUMNS, PriceRow, shipped
from proxy.price_table import price_of
from proxy.store.models import Price
from proxy.store.pricing import reconcile
from proxy.store.pricing.reconcile import Plan, import_plan, of_table, upgrade_plan
from proxy.wire.billing.price_book import PriceBook

NOW = datetime(2026, 11, 29, tzinfo=UTC)
DAYS = [datetime(2023, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)]
AHEAD = datetime(2027, 6, 1, tzinfo=UTC)
BLANK = dict.fromkeys(COLUMNS) | {"aliases": (), "batch_factor": Decimal("0.5"), "source": ""}


def wanted(model: str, day: datetime, usd: int = 1, **fields: object) -> PriceRow:
    rates = {
        name: Decimal(usd) for name in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    }
    return PriceRow(**BLANK | rates | {"model": model, "valid_from": day} | fields)  # type: ignore[arg-type]  # by name


def there(pk: int, row: PriceRow, **fields: object) -> Price:
    return Price(pk=pk, **row.values | {"aliases": list(row.aliases), "shipped": False} | fields)


def done(plan: Plan, table: Sequence[Price]) -> list[Price]:
    """The table after a plan, as `apply` leaves it but for the database."""
    gone = {row.pk for row in plan.withdraw}
    edits = {edit.old.pk: edit.row for edit in plan.edit}
    rows = [
        there(row.pk, edits.get(row.pk, of_table(row)), shipped=row.shipped or row.pk in edits,
              withdrawn_at=NOW if row.pk in gone else row.withdrawn_at)
        for row in table
    ]  # fmt: skip
    first = 1 + max((row.pk for row in table), default=0)
    return rows + [there(first + position, row, shipped=True) for position, row in enumerate(plan.add)]


def book(rows: Sequence[Price]) -> PriceBook:
    return PriceBook(
        price_of(of_table(row).values | {"id": str(row.pk), "withdrawn_at": row.withdrawn_at}) for row in rows
    )


def test_a_new_source_or_reading_is_noted_without_a_new_row() -> None:
    old = wanted("a", DAYS[0], source="2025", read_on=DAYS[0].date())
    new = replace(old, source="2026", read_on=NOW.date())

    plan = upgrade_plan([new], [there(1, old, shipped=True)], NOW)

    assert (plan.add, plan.withdraw, plan.kept) == ([], [], [])
    assert [(edit.row, edit.columns) for edit in plan.edit] == [(new, ())]


def test_a_new_alias_or_end_keeps_the_row_that_exchanges_name() -> None:
    old = wanted("a", DAYS[0])
    new = replace(old, aliases=("b",), valid_to=AHEAD)

    plan = upgrade_plan([new], [there(1, old, shipped=True)], NOW)

    assert (plan.add, plan.withdraw) == ([], [])
    assert [edit.columns for edit in plan.edit] == [("aliases", "valid_to")]


def test_a_wrong_amount_is_withdrawn_and_added_anew() -> None:
    old, new = wanted("a", DAYS[1]), wanted("a", DAYS[1], us_factor=Decimal("1.1"))
    row = there(1, old, shipped=True)

    plan = upgrade_plan([new], [row], NOW)

    assert (plan.add, plan.withdraw, plan.kept) == ([new], [row], [])


def test_a_correction_is_not_kept_from_its_model_by_an_operators_older_row() -> None:
    older, own = there(1, wanted("a", DAYS[0], 7)), there(2, wanted("a", DAYS[1], 2), shipped=True)
    right = wanted("a", DAYS[1], 1)

    plan = upgrade_plan([right], [older, own], NOW)

    assert (plan.add, plan.withdraw) == ([right], [own])


def test_a_wrong_row_that_nothing_replaces_gives_the_model_back_to_the_operator() -> None:
    mine, rise = there(1, wanted("a", DAYS[0], 7)), there(2, wanted("a", DAYS[2], 9), shipped=True)
    right = wanted("a", DAYS[1], 1)

    plan = upgrade_plan([right], [mine, rise], NOW)

    assert (plan.add, plan.withdraw, plan.kept) == ([], [rise], [right])


def test_a_model_that_no_longer_ships_keeps_its_price() -> None:
    plan = upgrade_plan([wanted("b", DAYS[0])], [there(1, wanted("a", DAYS[0]), shipped=True)], NOW)

    assert plan.withdraw == []


@pytest.mark.parametrize("name", ["a-20260101", "b"])
def test_a_new_row_takes_no_name_from_an_operators_row(name: str) -> None:
    """By its own alias, or by the version's name that was found for a name with a date."""
    mine = there(1, wanted("a" if name == "a-20260101" else "z", DAYS[0], 7, aliases=(name,)))
    new = wanted("c", DAYS[1], aliases=(name,))

    assert upgrade_plan([new], [mine], NOW).kept == [new]


def test_an_alias_beside_a_row_of_that_very_name_takes_nothing() -> None:
    mine, new = there(1, wanted("a-20260101", DAYS[0], 7)), wanted("a", DAYS[1], aliases=("a-20260101",))

    assert upgrade_plan([new], [mine], NOW).add == [new]


def test_an_operators_price_of_the_future_keeps_no_row_out_but_one_of_its_date() -> None:
    own, mine = there(1, wanted("a", DAYS[0]), shipped=True), there(2, wanted("a", AHEAD, 7))
    now, then = wanted("a", DAYS[1], 2), wanted("a", AHEAD, 3)

    plan = upgrade_plan([now, then], [own, mine], NOW)

    assert (plan.add, plan.kept, plan.withdraw) == ([now], [then], [own])


def test_what_an_operator_withdrew_is_not_brought_back() -> None:
    row = wanted("a", DAYS[1])
    plan = upgrade_plan([row], [there(1, row, withdrawn_at=NOW)], NOW)

    assert (plan.add, plan.kept) == ([], [row])
    assert import_plan([row], [there(1, row, withdrawn_at=NOW)]).add == [row]


def test_an_operators_row_that_says_the_same_is_no_difference() -> None:
    assert not upgrade_plan([wanted("a", DAYS[1], source="x")], [there(1, wanted("a", DAYS[1]))], NOW).differs


def test_who_takes_a_file_over_has_its_names_priced_by_it_alone() -> None:
    mine = [
        there(1, wanted("a", DAYS[0], 7)),
        there(2, wanted("alias", DAYS[0], 8)),
        there(3, wanted("z", DAYS[0])),
    ]
    row = wanted("a", DAYS[1], aliases=("alias",))

    plan = import_plan([row], mine)

    assert (plan.add, plan.withdraw) == ([row], mine[:2])


@pytest.mark.django_db
@pytest.mark.database_role("owner")
def test_what_is_taken_over_counts_as_shipped_only_where_it_ships() -> None:
    Price.objects.all().delete()
    first, own = shipped()[0], wanted("mine-1", DAYS[0])
    reconcile.apply(import_plan([first, own], []), shipped=shipped())
    [edited] = Price.objects.filter(model="mine-1")
    changed_at = edited.changed_at

    reconcile.apply(import_plan([replace(own, source="by hand")], [edited]))
    reconcile.apply(
        import_plan([replace(own, source="by hand", aliases=("m",))], Price.objects.filter(pk=edited.pk))
    )

    edited.refresh_from_db()
    assert dict(Price.objects.values_list("model", "shipped")) == {first.model: True, "mine-1": False}
    assert (edited.source, edited.aliases) == ("by hand", ["m"])
    assert changed_at is not None
    assert edited.changed_at is not None
    assert edited.changed_at > changed_at


MODELS = ["a", "b", "b-20260101"]
rows = st.builds(
    wanted,
    st.sampled_from(MODELS),
    st.sampled_from([*DAYS, AHEAD]),
    st.integers(1, 3),
    aliases=st.sampled_from([(), ("x",), ("x", "y")]),
    valid_to=st.sampled_from([None, datetime(2028, 1, 1, tzinfo=UTC)]),
    source=st.sampled_from(["", "somewhere"]),
)
files = st.lists(rows, max_size=5, unique_by=lambda row: (row.model, row.valid_from))
tables = st.lists(
    st.tuples(rows, st.booleans(), st.sampled_from([None, None, None, NOW])), max_size=6,
    unique_by=lambda edit: (edit[0].model, edit[0].valid_from),
).map(lambda found: [
    there(pk, row, shipped=came, withdrawn_at=gone) for pk, (row, came, gone) in enumerate(found, 1)
])  # fmt: skip


@given(files, tables)
def test_no_upgrade_touches_what_an_operators_price_says_now(
    file: list[PriceRow], table: list[Price]
) -> None:
    before = book(table)
    plan = upgrade_plan(file, table, NOW)
    after = book(done(plan, table))
    operators = {str(row.pk) for row in table if not row.shipped}

    assert [row for row in (*plan.withdraw, *(edit.old for edit in plan.edit)) if not row.shipped] == []
    for name in (*MODELS, "x", "y"):
        price = before.find(name, NOW)
        if price and price.id in operators:
            found = after.find(name, NOW)
            assert found is not None
            assert found.id == price.id


@given(files, tables)
def test_an_upgrade_that_is_repeated_does_nothing(file: list[PriceRow], table: list[Price]) -> None:
    once = done(upgrade_plan(file, table, NOW), table)

    again = upgrade_plan(file, once, NOW)

    assert (again.add, again.edit, again.withdraw) == ([], [], [])


@given(files, tables, st.sampled_from([*DAYS, AHEAD, NOW]))
def test_after_an_import_the_table_says_what_the_file_says(
    file: list[PriceRow], table: list[Price], at: datetime
) -> None:
    taken = done(import_plan(file, table), table)
    by_file, by_table = PriceBook(price_of(row.values) for row in file), book(taken)

    assert not import_plan(file, taken).differs
    for name in {row.model for row in file}:
        wants, has = by_file.find(name, at), by_table.find(name, at)
        assert (wants and wants.rates) == (has and has.rates)
