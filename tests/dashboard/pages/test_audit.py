"""The audit as people read it and take it away."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard.models import AuditEntry
from dashboard.pages.audit.view import COLUMNS, PAGE_SIZE
from tests import people
from tests.dashboard.pages.shown import text
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
CHANGES = [
    {"field": "enabled", "old": "yes", "new": "no"},
    {"field": "api_key", "old": None, "new": None, "secret": True},
]


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


@as_owner()
def make_entry(name: str = "team", **fields: Any) -> AuditEntry:
    values = {
        "who": "ann",
        "via": "admin",
        "action": "changed",
        "kind": "accounts.credential",
        "object_id": "7",
    }
    return AuditEntry.objects.create(object_name=name, **(values | {"changes": CHANGES} | fields))


def test_an_entry_says_who_what_and_from_what_to_what(manager: Client) -> None:
    make_entry(who="command", via="manage.py limits by root", message="Disabled.")
    shown = text(manager, "/dashboard/audit")

    for part in (
        "command",
        "manage.py limits by root",
        "accounts.credential",
        "<strong>team</strong>",
        "Disabled.",
    ):
        assert part in shown
    assert "<del>yes</del>" in shown
    assert "<ins>no</ins>" in shown
    assert "changed (a secret)" in shown


def test_names_and_messages_are_masked_and_escaped(manager: Client) -> None:
    make_entry("<b>sk-ant-api03-a-key-in-a-name</b>", message="sk-ant-api03-another-one", changes=[])
    shown = text(manager, "/dashboard/audit")

    assert "sk-ant-api03" not in shown
    assert "<b>" not in shown


def test_it_is_filtered_and_goes_on(manager: Client) -> None:
    make_entry("other", who="carl", action="deleted")
    for number in range(PAGE_SIZE + 1):
        make_entry(f"number-{number}-", at=datetime(2026, 7, 1, tzinfo=UTC))

    first = text(manager, "/dashboard/audit?user=ann")
    assert "number-1-" in first
    assert "other" not in first
    assert "number-0-" not in first
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "user=ann" in older
    assert "number-0-" in text(manager, older)
    assert "other" in text(manager, "/dashboard/audit?action=deleted&object=oth")
    assert "Nothing fits these filters" in text(manager, "/dashboard/audit?user=nobody")
    assert "action: it is none of" in text(manager, "/dashboard/audit?action=broken")
    assert manager.get("/dashboard/audit?before=x").status_code == 404


def test_it_is_taken_away_as_csv_and_as_lines_of_json(manager: Client) -> None:
    make_entry("=formula")
    table = manager.get("/dashboard/audit?format=csv&user=ann").text.splitlines()
    [line] = manager.get("/dashboard/audit?format=jsonl&user=ann").text.splitlines()

    assert table[0] == ",".join(COLUMNS)
    assert len(table) == 2
    assert "'=formula" in table[1]
    found = json.loads(line)
    assert (found["user"], found["object_name"]) == ("ann", "=formula")
    assert json.loads(found["changes"]) == CHANGES


def test_it_is_for_who_manages_access_and_the_key_does_not_open_it(client: Client, signed_in: Client) -> None:
    refused = signed_in.get("/dashboard/audit")
    client.force_login(people.reader("carl", "view_figures", "read_bodies", is_staff=True))

    assert (refused.status_code, "DASHBOARD_API_KEY" in refused.text) == (403, True)
    assert client.get("/dashboard/audit").status_code == 403


def test_an_empty_one_says_what_comes_here(manager: Client) -> None:
    with as_owner():
        AuditEntry.objects.all().delete()

    assert "Nothing was changed yet" in text(manager, "/dashboard/audit")
