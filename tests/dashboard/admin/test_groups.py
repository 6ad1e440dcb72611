"""Operators manage access and prices, analysts look at them, and what people change in the groups stays."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts.groups import make_groups
from accounts.models import ClientKey, Credential
from tests import people

pytestmark = pytest.mark.django_db
KINDS = ("accounts/domain", "accounts/credential", "accounts/clientkey", "proxy/price", "proxy/pin")


def sign_in(client: Client, group: str) -> Client:
    migrated()
    user = User.objects.create_user("ann", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)
    return client


def migrated() -> None:
    """What `migrate` ends with; a test that emptied the tables may have come first."""
    make_groups(sender=apps.get_app_config("accounts"), using="default")


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_adds_and_an_analyst_does_not(client: Client, kind: str) -> None:
    operator = sign_in(client, "operator")
    may = operator.get(f"/admin/{kind}/add/").status_code
    User.objects.all().delete()

    analyst = sign_in(client, "analyst")

    assert (may, analyst.get(f"/admin/{kind}/add/").status_code) == (200, 403)
    assert analyst.get(f"/admin/{kind}/").status_code == 200


@pytest.mark.parametrize("action", ["refresh_now", "disable", "enable", "reset_cool_down", "delete_selected"])
def test_an_analyst_has_no_action_on_credentials(client: Client, action: str) -> None:
    row = people.make_credential(people.make_domain())
    analyst = sign_in(client, "analyst")

    page = analyst.get("/admin/accounts/credential/").content.decode()
    analyst.post("/admin/accounts/credential/", {"action": action, "_selected_action": [row.pk]})

    assert 'name="action"' not in page
    assert Credential.objects.get().enabled


@pytest.mark.parametrize("action", ["revoke", "rotate"])
def test_an_analyst_has_no_action_on_keys(client: Client, action: str) -> None:
    key = ClientKey(domain=people.make_domain(), name="ci")
    key.issue()
    analyst = sign_in(client, "analyst")

    chosen = {"action": action, "_selected_action": [key.pk], "confirmed": "yes"}
    analyst.post("/admin/accounts/clientkey/", chosen)

    assert ClientKey.objects.get().revoked_at is None


def test_an_analyst_sees_no_secret_and_no_form(client: Client) -> None:
    domain = people.make_domain(slack_webhook_url="https://hooks.example/very-secret-path")
    row = people.make_credential(domain)
    analyst = sign_in(client, "analyst")

    for path in (f"credential/{row.pk}", f"domain/{domain.pk}"):
        response = analyst.get(f"/admin/accounts/{path}/change/")
        page = response.content.decode()
        assert response.status_code == 200
        assert row.api_key not in page
        assert "very-secret-path" not in page
        assert 'name="_save"' not in page
        assert analyst.post(f"/admin/accounts/{path}/change/", {"name": "x"}).status_code == 403


def test_what_people_change_in_a_group_stays(client: Client) -> None:
    migrated()
    Group.objects.get(name="operator").permissions.clear()

    migrated()

    assert not Group.objects.get(name="operator").permissions.exists()
    assert Group.objects.filter(name__in=["operator", "analyst"]).count() == 2


@pytest.mark.parametrize("group", ["operator", "analyst"])
def test_both_groups_see_figures_and_neither_reads_bodies(client: Client, group: str) -> None:
    Group.objects.all().delete()
    member = sign_in(client, group)

    assert member.get("/api/stats").status_code == 200
    assert member.get("/api/requests/0193a000-0000-7000-8000-000000000001").status_code == 403
