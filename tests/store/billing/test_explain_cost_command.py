"""What `explain_cost` prints, and how it ends."""

import json
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from proxy.store.management.commands.explain_cost import Command
from proxy.store.models import Exchange
from tests.roles import OWNER
from tests.store import bills
from tests.store.bills import OPUS
from tests.store.records import uuid7

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices"),
    pytest.mark.database_role(OWNER),
]


def run(row: Exchange | str, *arguments: str) -> str:
    out = StringIO()
    call_command("explain_cost", str(row), *arguments, stdout=out)
    return out.getvalue()


def test_people_get_a_table_whose_last_line_is_the_cost() -> None:
    row = bills.stored(bills.record_of("fast in the US"))

    reported = run(row)

    first, second, *rest = reported.splitlines()
    assert first == f"{row.id}: USD 0.00968, exact"
    assert second == f"asked for {OPUS}, answered by {OPUS}, billed as {OPUS}"
    assert any(
        line.split()[:10] == ["input", OPUS, "100", "4", "/", "1M", "2", "fast,", "1.1", "US"]
        for line in rest
    )
    assert f" from 2026-09-22; row {row.price_id}" in reported
    assert reported.split()[-2:] == ["Total", "0.00968"]


def test_it_says_why_a_cost_is_not_exact() -> None:
    row = bills.stored(bills.record_of("a field that nobody knows"))

    assert "Not exact: usage.video_seconds is not understood." in run(row)


def test_the_band_of_a_line_is_told() -> None:
    assert "prompts over 100,000 tokens" in run(bills.stored(bills.record_of("upper band")))


@pytest.mark.parametrize("kind", bills.KINDS)
def test_json_has_every_line_with_decimals_as_texts_that_add_up(kind: str) -> None:
    row = bills.stored(bills.record_of(kind))

    found: dict[str, Any] = json.loads(run(row, "--json"))

    assert found["id"] == str(row.id)
    assert Decimal(found["cost_usd"]) == row.cost_usd
    assert sum(Decimal(line["amount"]) for line in found["lines"]) == row.cost_usd
    assert not any("E" in line["amount"] for line in found["lines"])
    assert {line["price"]["id"] for line in found["lines"]} >= {row.price_id}


def test_json_has_names_where_people_would_look_for_them() -> None:
    found = json.loads(run(bills.stored(bills.record_of("web search")), "--json"))

    assert found["lines"][-1] | {"price": None} == {
        "label": "web search",
        "kind": "",
        "model": OPUS,
        "quantity": 3,
        "rate": "10",
        "per": 1000,
        "factors": [],
        "amount": "0.03",
        "over_tokens": 0,
        "price": None,
    }
    assert found["billed"][0] == {
        "model": OPUS,
        "tokens": {"input": 100, "output": 200, "cache_read": 0, "cache_write": 0},
        "cost_usd": "0.0344",
    }


def test_an_unknown_id_ends_with_one_and_a_sentence() -> None:
    exchange_id = str(uuid7())

    with pytest.raises(CommandError, match=f"No exchange with the id {exchange_id} is stored") as ended:
        run(exchange_id)
    assert ended.value.returncode == 1


@pytest.mark.parametrize("text", ["nonsense", "", "0193", "☃"])
def test_a_malformed_id_ends_with_one_and_says_which_to_take(text: str) -> None:
    with pytest.raises(CommandError, match="is no id of an exchange: take `x-nexus-id`") as ended:
        run(text)
    assert ended.value.returncode == 1


def test_a_models_name_steers_no_terminal_and_is_no_markup() -> None:
    row = bills.stored(bills.record("m[red]\x1b[2J sk-ant-api03-abcdefghijklmnop", bills.CALL))

    reported = run(row)

    assert "\x1b" not in reported
    assert "m[red]" in reported
    assert "abcdefghijklmnop" not in reported


def test_help_says_what_it_does_and_how_it_ends() -> None:
    command: BaseCommand = Command()

    reported = " ".join(command.create_parser("manage.py", "explain_cost").format_help().split())

    assert "each line of its bill" in reported
    assert "Exit code 1: no such exchange is stored." in reported
    assert "--json" in reported
