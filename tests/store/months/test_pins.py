"""`manage.py pin` and `manage.py partitions`."""

import json
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction
from pytest_django.fixtures import Settings

from proxy.store.models import Exchange, Pin
from proxy.store.months.overview import Month
from tests import people
from tests.roles import OWNER

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

OLD = datetime(2026, 1, 20, 12, tzinfo=UTC)


def say(*arguments: str) -> str:
    call_command(*arguments, stdout=(said := StringIO()))
    return said.getvalue()


def data(*arguments: str) -> Any:
    return json.loads(say(*arguments, "--json"))


def test_an_exchange_is_pinned_listed_and_let_go() -> None:
    row = people.make_exchange()

    assert "is pinned." in say("pin", str(row.id), "--note", "incident 12")
    assert "pinned already" in say("pin", str(row.id))
    [pin] = data("pin", "--list")["pins"]
    assert (pin["exchange"], pin["note"], pin["createdBy"]) == (str(row.id), "incident 12", "manage.py")
    assert f"{row.id}  incident 12" in say("pin", "--list")
    assert "no longer pinned" in say("pin", "--remove", str(row.id))
    assert "Nothing is pinned." in say("pin", "--list")


def test_a_session_is_pinned_with_its_domain() -> None:
    row = people.make_exchange(session_id="s-1")

    say("pin", "--session", "s-1", "--domain", row.domain)

    assert Pin.objects.holding(row).exists()
    assert not Pin.objects.holding(people.make_exchange(session_id="s-1", domain="b.example")).exists()
    assert not Pin.objects.holding(people.make_exchange()).exists()
    say("pin", "--remove", "--session", "s-1", "--domain", row.domain)
    assert not Pin.objects.exists()


def test_what_is_not_stored_is_not_pinned_and_nothing_else_either() -> None:
    row = people.make_exchange()

    with pytest.raises(CommandError, match=r"No exchange with this id is stored\."):
        say("pin", str(row.id), str(uuid4()))
    with pytest.raises(CommandError, match="No exchange of this session and domain is stored"):
        say("pin", "--session", "s-1", "--domain", row.domain)

    assert not Pin.objects.exists()


def test_what_is_not_pinned_cannot_be_let_go() -> None:
    with pytest.raises(CommandError, match="is not pinned; --list shows what is"):
        say("pin", "--remove", str(uuid4()))


@pytest.mark.parametrize("arguments", [(), ("--session", "s-1"), ("--domain", "a.example"), ("--remove",)])
def test_arguments_that_name_nothing_are_bad_ones(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="Name exchanges, or a session") as caught:
        say("pin", *arguments)

    assert caught.value.returncode == 2


@pytest.mark.parametrize("named", [(), ("session_id",), ("exchange", "session_id", "domain")])
def test_a_pin_names_one_thing(named: tuple[str, ...]) -> None:
    row = people.make_exchange(session_id="s-1")
    values = {"exchange": row.id, "session_id": "s-1", "domain": row.domain}
    pin = Pin(**{name: values[name] for name in named})

    with pytest.raises(ValidationError, match="either an exchange, or a session and its domain"):
        pin.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        pin.save()


def month_of(report: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in report if item["month"] == name)


def test_partitions_tell_of_each_month_what_is_there_and_what_comes_next(settings: Settings) -> None:
    settings.RETENTION_BODIES_DAYS = 30
    people.make_exchange(at=OLD, session_id="s-1")
    row = people.make_exchange(at=OLD, session_id="s-1")
    people.make_exchange()
    Pin.objects.create(exchange=row.id)
    Pin.objects.create(session_id="s-1", domain=row.domain)
    Pin.objects.create(exchange=people.make_exchange(at=OLD).id)
    people.make_exchange(at=OLD)

    january = month_of(data("partitions")["months"], "2026-01")

    assert (january["pinned"], january["nextRun"], january["bodiesDroppedAt"]) == (3, ["bodies"], None)
    assert january["storedBytes"] == sum(table["storedBytes"] for table in january["tables"]) > 0
    assert month_of(data("partitions")["months"], f"{datetime.now(UTC):%Y-%m}")["nextRun"] == []
    assert "drop bodies" in say("partitions")
    assert Exchange.objects.count() == 5


def test_partitions_are_applied_only_when_asked_and_then_told(settings: Settings) -> None:
    settings.RETENTION_BODIES_DAYS = settings.RETENTION_METADATA_DAYS = 30
    people.make_exchange(at=OLD)

    done = data("partitions", "--apply")

    assert {(report["month"], report["part"]) for report in done["dropped"]} >= {
        ("2026-01", "bodies"),
        ("2026-01", "metadata"),
    }
    assert done["busy"] == []
    assert not Exchange.objects.exists()
    january = month_of(data("partitions")["months"], "2026-01")
    assert (january["tables"], january["nextRun"]) == ([], [])
    assert january["bodiesDroppedAt"].startswith(f"{datetime.now(UTC):%Y-%m-%dT}")
    assert "bodies, metadata" in say("partitions")
    assert say("partitions", "--apply") == "Nothing to drop.\n"


def test_partitions_are_made_ahead() -> None:
    made = data("partitions", "--ensure")["months"]

    assert made[0] == f"{datetime.now(UTC):%Y-%m}"
    assert len(made) == 3
    assert set(made) <= {month["month"] for month in data("partitions")["months"]}


def test_a_month_without_an_estimate_tells_none() -> None:
    assert Month(date(2026, 1, 1), [], 0, None, None, []).exchanges is None
