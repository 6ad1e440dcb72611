"""Operators see what holds, make new prices from old ones, are warned before an edit, and delete nothing."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from proxy.price_file import shipped
from proxy.store.models import Price, Repricing
from proxy.store.pricing import upgrade
from proxy.store.pricing.reconcile import of_table
from tests import people
from tests.dashboard.admin.test_groups import sign_in
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
LIST = "/admin/proxy/price/"
ADD = f"{LIST}add/"


@pytest.fixture
def operator(client: Client) -> Client:
    with as_owner():
        upgrade.run()
    client.force_login(User.objects.create_superuser("olga"))
    return client


def price(model: str) -> Price:
    return Price.objects.found().filter(model=model).latest("valid_from")


def page_of(row: Price) -> str:
    return f"{LIST}{row.pk}/change/"


def sent(operator: Client, path: str, **fields: Any) -> dict[str, Any]:
    """The form of a page as a browser sends it back, with other values in some of its fields."""
    form = operator.get(path).context["adminform"].form
    values: dict[str, Any] = {}
    for bound in form:
        value = bound.value()
        if bound.name in ("valid_from", "valid_to"):
            values |= {
                f"{bound.name}_0": f"{value:%Y-%m-%d}" if value else "",
                f"{bound.name}_1": f"{value:%H:%M:%S}" if value else "",
            }
        else:
            values[bound.name] = "" if value is None else bound.field.prepare_value(value)
    return values | fields


def errors(response: Any) -> dict[str, list[str]]:
    return {name: list(found) for name, found in response.context["adminform"].form.errors.items()}


def lines(operator: Client, query: str = "") -> dict[str, list[str]]:
    """The list's lines by the model: its state first, then the other cells."""
    page = operator.get(f"{LIST}{query}").content.decode()
    rows = re.findall(r"<tr>(<td class=\"action-checkbox\".*?)</tr>", page, re.DOTALL)
    cells = [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.DOTALL)]
        for row in rows
    ]
    return {f"{row[3]} {row[4]}": [*row[1:3], *row[5:]] for row in cells}


def test_the_list_begins_with_the_state_and_hides_what_was_withdrawn(operator: Client) -> None:
    found = lines(operator)

    assert set(found) == {f"{row.model} {row.valid_from:%Y-%m-%d}" for row in shipped()}
    assert found["claude-haiku-5-5 2026-10-07"] == [
        "in force", "shipped", "-", "0.1", "0.5", "0.01", "0.125", "0.2", "over 100,000", "US 1.1",
    ]  # fmt: skip
    assert found["claude-sonnet-5-5 2026-09-28"][:3] == ["ended", "shipped", "2026-10-07"]
    assert "USD per million tokens" in operator.get(LIST).content.decode()


def test_the_list_is_filtered_by_state_whose_and_model(operator: Client) -> None:
    mine = people.make_price("claude-next-1")
    with as_owner():
        Price.objects.filter(pk=mine.pk).update(valid_from=timezone.now() + timedelta(days=9))
        people.make_price("claude-next-1")
        people.make_price("claude-gone-1").withdraw()

    assert [key.split()[0] for key in lines(operator, "?state=future")] == ["claude-next-1"]
    assert {row[0] for row in lines(operator, "?state=in+force").values()} == {"in force"}
    assert {row[0] for row in lines(operator, "?state=withdrawn").values()} == {"withdrawn"}
    assert {row[0] for row in lines(operator, "?state=all").values()} == {
        "in force",
        "future",
        "ended",
        "withdrawn",
    }
    assert {row[1] for row in lines(operator, "?whose=operator").values()} == {"operator"}
    assert {key.split()[0] for key in lines(operator, "?model=claude-opus-5")} == {"claude-opus-5"}
    assert {key.split()[0] for key in lines(operator, "?q=claude-opus-4-20250514")} == {"claude-opus-4-0"}


def test_a_new_price_from_one_is_offered_first_and_begins_today_with_its_values(operator: Client) -> None:
    old = price("claude-haiku-5-5")
    page = operator.get(page_of(old)).content.decode()

    assert page.index("New price from this one") < page.index("History")
    assert f'href="{ADD}?from={old.pk}"' in page
    response = operator.post(f"{ADD}?from={old.pk}", sent(operator, f"{ADD}?from={old.pk}", input="0.2"))

    new = price("claude-haiku-5-5")
    assert response.status_code == 302
    assert (new.input, new.shipped, new.valid_from.date()) == (
        Decimal("0.2"),
        False,
        datetime.now(UTC).date(),
    )
    assert (new.band_input, new.aliases, new.us_factor) == (old.band_input, old.aliases, old.us_factor)
    assert (new.source, new.valid_to, new.read_on) == ("", None, datetime.now(UTC).date())
    old.refresh_from_db()
    assert (old.shipped, old.input) == (True, Decimal("0.1"))


@pytest.mark.parametrize("asked", ["x", "", "999999999", "9" * 40, "²"])
def test_a_new_price_from_nothing_is_an_empty_form(operator: Client, asked: str) -> None:
    response = operator.get(f"{ADD}?from={asked}&model=claude-next-1")

    assert response.status_code == 200
    assert 'value="claude-next-1"' in response.content.decode()


def test_an_edit_is_warned_of_and_makes_the_row_the_operators(operator: Client) -> None:
    row = price("claude-opus-5")
    people.make_exchange(model="claude-opus-5", price_rule=1)

    warned = operator.get(page_of(row)).content.decode()
    reported = operator.post(
        page_of(row), sent(operator, page_of(row), input="4"), follow=True
    ).content.decode()

    row.refresh_from_db()
    assert "An edit changes the past" in warned
    assert "An edit changes the past" not in operator.get(ADD).content.decode()
    assert (row.input, row.shipped) == (Decimal(4), False)
    assert "It is yours now" in reported
    assert "Costs of stored requests are out of date: prices changed of claude-opus-5" in reported
    assert "manage.py reprice" in reported


def test_saving_without_a_change_leaves_it_nexus_and_a_new_source_asks_for_no_repricing(
    operator: Client,
) -> None:
    row = price("claude-opus-4-0")
    people.make_exchange(model="claude-opus-4-0", price_rule=1)
    with as_owner():
        Repricing.objects.create(began_at=timezone.now(), ended_at=timezone.now())

    operator.post(page_of(row), sent(operator, page_of(row)))
    unchanged = price("claude-opus-4-0")
    reported = operator.post(page_of(row), sent(operator, page_of(row), source="my contract"), follow=True)

    assert (unchanged.shipped, of_table(unchanged)) == (True, of_table(row))
    assert price("claude-opus-4-0").source == "my contract"
    assert not price("claude-opus-4-0").shipped
    assert "out of date" not in reported.content.decode()


def test_no_row_is_deleted_but_withdrawn_and_then_no_upgrade_brings_it_back(operator: Client) -> None:
    row = price("claude-opus-5")

    assert operator.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in operator.get(LIST).content.decode()
    reported = operator.post(
        LIST, {"action": "withdraw", "_selected_action": [row.pk]}, follow=True
    ).content.decode()
    with as_owner():
        upgrade.run()

    row.refresh_from_db()
    assert "1 price withdrawn" in reported
    assert row.withdrawn_at is not None
    assert not row.shipped
    assert not Price.objects.found().filter(model="claude-opus-5").exists()


def test_a_withdrawn_row_is_shown_and_not_edited(operator: Client) -> None:
    row = price("claude-opus-5")
    with as_owner():
        row.withdraw()

    page = operator.get(page_of(row)).content.decode()

    assert "no model is priced by it any more" in page
    assert 'name="_save"' not in page
    assert "New price from this one" in page
    assert operator.post(page_of(row), {"input": "1"}).status_code == 403
    again = operator.post(LIST, {"action": "withdraw", "_selected_action": [row.pk]}, follow=True)
    assert "0 prices withdrawn" in again.content.decode()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("one\ntwo", ["one", "two"]),
        ("one, two ,one\r\n\n,three", ["one", "two", "three"]),
        ("", []),
        (" , \n", []),
    ],
)
def test_aliases_are_typed_one_per_line_or_with_commas(operator: Client, typed: str, kept: list[str]) -> None:
    row = people.make_price("claude-next-1")

    operator.post(page_of(row), sent(operator, page_of(row), aliases=typed))

    assert price("claude-next-1").aliases == kept
    assert f">\n{chr(10).join(kept)}</textarea>" in operator.get(page_of(row)).content.decode()


BAD: list[tuple[dict[str, str], str, str]] = [
    ({"input": "-1"}, "input", "Nothing costs less than 0"),
    ({"us_factor": "-1"}, "us_factor", "Nothing costs less than 0"),
    ({"input": "0.0000001"}, "input", "no more than 6 decimal places"),
    ({"fast_factor": "1.00001"}, "fast_factor", "no more than 4 decimal places"),
    ({"valid_to_0": "2020-01-01", "valid_to_1": "00:00:00"}, "valid_to", "It ends before it begins"),
    ({"aliases": "a" * 121}, "aliases", "at most 120 characters"),
    ({"aliases": "claude-next-1"}, "aliases", "is the model's own name"),
    ({"aliases": "claude-opus-4"}, "aliases", "claude-opus-4 is an alias of claude-opus-4-0 already"),
    ({"band_over_tokens": "-5", "band_input": "1"}, "band_over_tokens", "fewer than 0 tokens"),
    ({"band_input": "6"}, "band_over_tokens", "Say over how many prompt tokens"),
    ({"band_over_tokens": "100000", "band_input": "6"}, "band_output", "Enter the rate of the upper band as well"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "name", "reported"), BAD)
def test_what_the_table_cannot_use_is_refused_at_its_field(
    operator: Client, fields: dict[str, str], name: str, reported: str
) -> None:
    row = people.make_price("claude-next-1")
    before = of_table(row)

    found = errors(operator.post(page_of(row), sent(operator, page_of(row), **fields)))

    assert reported in " ".join(found[name])
    assert of_table(price("claude-next-1")) == before


def test_a_date_is_taken_once_unless_its_row_was_withdrawn(operator: Client) -> None:
    row = price("claude-opus-5")
    again = sent(operator, f"{ADD}?from={row.pk}") | {"valid_from_0": f"{row.valid_from:%Y-%m-%d}"}

    refused = errors(operator.post(ADD, again))
    with as_owner():
        row.withdraw()

    assert "There is a price of this model from this date on" in str(refused)
    assert operator.post(ADD, again).status_code == 302


def test_an_analyst_looks_and_changes_nothing(client: Client) -> None:
    row = people.make_price("claude-next-1")
    analyst = sign_in(client, "analyst")

    page = analyst.get(page_of(row)).content.decode()
    analyst.post(LIST, {"action": "withdraw", "_selected_action": [row.pk]})

    assert "New price from this one" not in page
    assert "An edit changes the past" not in page
    assert analyst.post(page_of(row), {"input": "1"}).status_code == 403
    assert price("claude-next-1").withdrawn_at is None
    assert Group.objects.filter(name="analyst").exists()
