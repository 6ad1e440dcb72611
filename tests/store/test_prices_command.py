"""`manage.py prices`: the table, how it differs from a file, and taking a file over."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from proxy.store.models import Price, Repricing
from tests import people
from tests.prices import SHIPPED

pytestmark = [pytest.mark.django_db, pytest.mark.database_role("owner"), pytest.mark.usefixtures("prices")]
NEXT: dict[str, Any] = {
    "model": "claude-next-1",
    "aliases": ["next"],
    "valid_from": "2026-11-09",
    "input": "8",
    "output": "40",
    "cache_read": "0.20",
    "cache_write_5m": "10",
    "cache_write_1h": "16",
}


def prices(*arguments: str) -> tuple[int, str]:
    """The exit code and what was printed."""
    out = StringIO()
    try:
        call_command("prices", *arguments, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps([NEXT]))
    return path


def test_a_fresh_table_shows_what_holds_and_is_as_it_ships() -> None:
    code, reported = prices()
    _, everything = prices("--all")

    assert code == 0
    assert [line.split()[0] for line in reported.splitlines() if "in force" in line] == sorted(
        {price.model for price in SHIPPED}
    )
    assert len(
        [line for line in everything.splitlines() if "  in force " in line or "  ended " in line]
    ) == len(SHIPPED)
    assert prices("--compare") == (0, "The price table says what prices.json says.\n")


def test_each_row_has_its_rates_band_factors_and_whose_it_is() -> None:
    _, reported = prices("--model", "claude-haiku-5-5")

    [head, row, band] = [line.split("  ") for line in reported.splitlines()]
    assert [cell.strip() for cell in row if cell.strip()] == [
        "claude-haiku-5-5", "2026-10-07", "-", "in force", "0.1", "0.5", "0.01", "0.125", "0.2", "up to 100,000",
        "-", "1.1", "0.5", "10", "shipped", "2026-11-29",
    ]  # fmt: skip
    assert [cell.strip() for cell in band if cell.strip()] == [
        "0.5",
        "2.5",
        "0.05",
        "0.625",
        "1",
        "over 100,000",
    ]
    assert head[0] == "MODEL"


def test_a_model_is_found_by_an_alias_and_data_has_every_column() -> None:
    code, reported = prices("--model", "claude-opus-4", "--json")

    [row] = json.loads(reported)["prices"]
    assert code == 0
    assert (row["model"], row["state"], row["whose"]) == ("claude-opus-4-0", "in force", "shipped")
    assert (row["input"], row["valid_from"]) == ("15", "2025-05-22T00:00:00+00:00")
    assert prices("--model", "nobody") == (0, "There is no price of nobody.\n")


def test_a_withdrawn_row_shows_with_all_only() -> None:
    Price.objects.found().get(model="claude-opus-5").withdraw()

    assert "no price" in prices("--model", "claude-opus-5")[1]
    assert "withdrawn" in prices("--model", "claude-opus-5", "--all")[1]


@pytest.mark.parametrize("option", ["--compare", "--import"])
def test_a_difference_is_told_and_nothing_is_changed(file: Path, option: str) -> None:
    code, reported = prices(option, str(file))

    assert code == 1
    assert (
        "add       claude-next-1 from 2026-11-09: input 8, output 40, read 0.2, write 10 and 16" in reported
    )
    assert "Nothing was changed" in reported
    assert not Price.objects.filter(model="claude-next-1").exists()


def test_what_is_applied_is_an_operators_unless_it_ships(file: Path) -> None:
    assert prices("--import", str(file), "--apply")[0] == 0
    assert prices("--import", str(file)) == (0, "The price table says what mine.json says.\n")
    Price.objects.found().get(model="claude-opus-5").withdraw()
    assert prices("--import", "--apply", "--model", "claude-opus-5")[0] == 0

    shipped = dict(Price.objects.found().values_list("model", "shipped"))
    assert (shipped["claude-next-1"], shipped["claude-opus-5"]) == (False, True)


def test_an_operators_price_is_named_and_goes_only_when_it_is_applied() -> None:
    mine = Price.objects.found().get(model="claude-opus-5")
    mine.input, mine.shipped = 4, False
    mine.save()

    code, reported = prices("--compare")
    data = json.loads(prices("--compare", "--json")[1])

    assert code == 1
    assert "add       claude-opus-5 from 2026-07-24" in reported
    assert "an operator's price stands against it" in reported
    assert "withdraw  claude-opus-5 from 2026-07-24: input 4," in reported
    assert [row["whose"] for row in data["withdraw"]] == ["operator"]
    assert [row["model"] for row in data["kept"]] == ["claude-opus-5"]
    prices("--import", "--apply")
    mine.refresh_from_db()
    assert mine.withdrawn_at is not None
    assert Price.objects.found().get(model="claude-opus-5").input == 5


def test_a_change_of_names_is_told_before_and_after(file: Path) -> None:
    prices("--import", str(file), "--apply")
    file.write_text(json.dumps([NEXT | {"aliases": ["next", "nearest"]}]))

    dry = prices("--import", str(file))
    applied = prices("--import", str(file), "--apply")

    assert dry[0] == 1
    assert dry[1].startswith("change    claude-next-1 from 2026-11-09: aliases")
    assert applied[1].splitlines()[0] == dry[1].splitlines()[0]
    assert Price.objects.get(model="claude-next-1").aliases == ["next", "nearest"]


def test_it_says_that_costs_are_to_be_computed_again_where_they_are(file: Path) -> None:
    assert "reprice" not in prices("--import", str(file), "--apply")[1]
    row = people.make_exchange(model="claude-next-1", price_rule=1)
    Repricing.objects.create(began_at=timezone.now(), ended_at=timezone.now())
    file.write_text(json.dumps([NEXT | {"input": "9"}]))

    reported = prices("--import", str(file), "--apply")[1]
    data = json.loads(prices("--import", str(file), "--apply", "--json")[1])

    assert row.model in reported
    assert "Run `manage.py reprice`" in reported
    assert (data["repriceNeeded"], data["applied"], data["differs"]) == (True, True, False)


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["--import", "/no/such.json"], "cannot be read"),
        (["--apply"], "--apply needs --import"),
        (["--all", "--compare"], "--all shows the table"),
        (["--compare", "--model", "nobody"], "has no price of nobody"),
    ],
)
def test_what_cannot_be_used_ends_with_2(arguments: list[str], reported: str) -> None:
    code, said = prices(*arguments)

    assert code == 2
    assert reported in said


def test_a_file_that_is_no_list_of_prices_ends_with_2(file: Path) -> None:
    file.write_text('[{"model": "a", "inptu": "1"}]')

    code, said = prices("--import", str(file), "--apply")

    assert code == 2
    assert "unknown field" in said
    assert "docs/prices.md" in said
