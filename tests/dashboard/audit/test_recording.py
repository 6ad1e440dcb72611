"""Each change leaves one entry with who, what, and old and new values, whatever it was made by."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db.models.signals import pre_delete
from django.test import Client

from accounts.models import Credential, Domain, Limit
from dashboard.audit.actor import acting, as_command
from dashboard.models import AuditEntry
from proxy.store.models import Exchange, Receipt, SearchText, Turn
from proxy.store.pricing.reconcile import Plan, apply, of_table
from tests import people
from tests.dashboard.admin.test_admin import form
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga", password="a-long-password"))
    return client


def entries(**asked: Any) -> list[AuditEntry]:
    """The oldest first, without sign-ins."""
    with as_owner():
        return list(AuditEntry.objects.exclude(action="signed_in").filter(**asked).order_by("pk"))


def values(entry: AuditEntry) -> dict[str, tuple[str | None, str | None]]:
    return {change["field"]: (change["old"], change["new"]) for change in entry.changes}


def test_a_form_leaves_one_entry_a_row_with_old_and_new_values(operator: Client) -> None:
    domain = people.make_domain("old.example")
    operator.post(f"/admin/accounts/domain/{domain.pk}/change/", form(name="new.example", slack_channel="#a"))
    assert acting() is None


def test_prices_that_a_command_imports_are_in_it() -> None:
    row = of_table(people.make_price("claude-a"))
    with as_owner(), as_command("prices"):
        apply(Plan(add=[replace(row, model="claude-b")]))
    [added] = entries(kind="proxy.price")

    assert (added.action, added.object_name.startswith("claude-b")) == ("added", True)
    assert values(added)["output"] == (None, "15.000000")


def test_nobody_acts_in_a_proxy_or_worker_nor_while_migrating() -> None:
    with as_owner():
        people.make_domain("a.example")
        with as_command("migrate"):
            people.make_domain("b.example")

    assert entries() == []


def test_a_rolled_back_change_leaves_no_entry(operator: Client) -> None:
    people.make_domain("taken.example")
    domain = people.make_domain("free.example")
    operator.post(f"/admin/accounts/domain/{domain.pk}/change/", form(name="taken.example"))

    assert entries() == []


def test_saving_what_was_there_leaves_no_entry() -> None:
    credential = people.make_credential(people.make_domain())
    with as_owner(), as_command("rotate_encryption_keys"):
        Credential.objects.get(pk=credential.pk).save()

    assert entries() == []


def test_limits_and_users_of_commands_are_in_it() -> None:
    with as_owner(), as_command("limits"):
        Limit.objects.create(usd_per_day=Decimal(5))
        Domain.objects.create(name="c.example")
        User.objects.create_user("ann", password="a-long-password")
    found = {entry.kind: values(entry) for entry in entries()}

    assert found["accounts.limit"]["usd_per_day"] == (None, "5.00")
    assert found["auth.user"]["password"] == (None, None)
    assert set(found) == {"accounts.limit", "accounts.domain", "auth.user"}


def test_sign_ins_are_in_it_with_the_address_and_failed_ones_of_users_that_there_are(client: Client) -> None:
    with as_owner():
        User.objects.create_superuser("olga", password="a-long-password")
    for name, password in (("olga", "wrong"), ("a-typed-password", "x"), ("olga", "a-long-password")):
        client.post("/admin/login/", {"username": name, "password": password})
    with as_owner():
        found = AuditEntry.objects.order_by("pk").values_list("who", "action", "message")

        assert list(found) == [
            ("olga", "sign_in_failed", "From 127.0.0.1."),
            ("olga", "signed_in", "From 127.0.0.1."),
        ]


def test_rows_of_traffic_are_deleted_without_being_read() -> None:
    listened = {model for model in apps.get_models() if pre_delete.has_listeners(model)}

    assert Credential in listened
    assert not listened & {Exchange, Turn, SearchText, Receipt}
