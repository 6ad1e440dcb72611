"""`/api/audit`: who changed what, for staff who may manage access."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from dashboard.access.signin import MANAGES_ACCESS
from dashboard.models import AuditEntry
from tests import people
from tests.dashboard.admin.test_admin import form
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


@as_owner()
def note(who: str, kind: str, name: str, action: str = "changed", **fields: Any) -> int:
    """The id of an entry."""
    values = {"via": "admin", "object_id": "7", "object_name": name, "message": "Disabled."} | fields
    return AuditEntry.objects.create(who=who, kind=kind, action=action, **values).pk


def changes_of(client: Client, query: str = "") -> list[dict[str, Any]]:
    """But for the sign-in of who asks."""
    found = client.get(f"/api/audit?{query}").json()["changes"]
    return [change for change in found if change["action"] != "signed_in"]


def test_what_operators_did_in_the_admin_is_listed_newest_first(operator: Client) -> None:
    credential = people.make_credential(people.make_domain(), name="team")
    form = {"action": "disable", "_selected_action": [credential.pk]}
    operator.post("/admin/accounts/credential/", form)
    other = note("ann", "accounts.domain", "sk-ant-api03-a-name-by-mistake", "deleted", message="")
    newest, first = changes_of(operator)

    assert first.pop("at").startswith(f"{datetime.now(UTC):%Y-%m-%dT}")
    assert first == {
        "id": other - 1,
        "user": "olga",
        "via": "admin",
        "action": "changed",
        "kind": "accounts.credential",
        "objectId": str(credential.pk),
        "objectName": "team (api.example.com)",
        "message": "Disabled.",
        "changes": [{"field": "enabled", "old": "yes", "new": "no", "secret": False}],
    }
    assert [newest[name] for name in ("user", "action", "kind", "objectName")] == [
        "ann",
        "deleted",
        "accounts.domain",
        "sk-ant-****",
    ]


def test_a_secret_is_named_and_its_value_is_not(operator: Client) -> None:
    secret = "https://hooks.slack.com/services/T0/B0/canary-in-a-coal-mine"
    domain = people.make_domain("new.example")
    operator.post(
        f"/admin/accounts/domain/{domain.pk}/change/", form(name="new.example", slack_webhook_url=secret)
    )
    response = operator.get("/api/audit")
    change = response.json()["changes"][0]

    assert (change["action"], change["kind"], change["objectName"]) == (
        "changed",
        "accounts.domain",
        "new.example",
    )
    assert change["changes"] == [{"field": "slack_webhook_url", "old": None, "new": None, "secret": True}]
    assert "canary" not in response.content.decode()


def test_it_goes_on_where_it_stopped(operator: Client) -> None:
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    made = [note("olga", "accounts.credential", str(number), at=moment) for number in range(5)][::-1]
    query = "to=2026-08-01&limit=3"
    first = operator.get(f"/api/audit?{query}").json()
    second = operator.get(f"/api/audit?{query}&before={first['nextBefore']}").json()

    assert [change["id"] for page in (first, second) for change in page["changes"]] == made
    assert (first["nextBefore"], second["nextBefore"]) == (f"2026-07-01T00:00:00Z~changes~{made[2]}", None)


def test_the_filter_is_of_period_user_kind_action_and_object(operator: Client) -> None:
    old = note("olga", "accounts.domain", "a", at=datetime(2026, 7, 1, tzinfo=UTC))
    new = note("olga", "accounts.credential", "Bob", object_id="12")
    hers = note("ann", "accounts.domain", "c", "added")

    def ids(query: str) -> list[int]:
        return [change["id"] for change in changes_of(operator, query)]

    assert ids("to=2026-08-01") == [old]
    assert ids("from=2026-08-01") == [hers, new]
    assert ids("user=ann") == [hers]
    assert ids("kind=accounts.credential") == [new]
    assert ids("kind=accounts.Domain&user=olga") == [old]
    assert ids("action=added") == [hers]
    assert ids("object=ob") == ids("object=12") == [new]
    assert ids("user=%00") == [hers, new, old]
    for query in (
        "domain=a",
        "before=0",
        "before=2026-07-01~x~1",
        "before=x~changes~1",
        "limit=0",
        "action=x",
    ):
        assert operator.get(f"/api/audit?{query}").status_code == 422


@pytest.mark.parametrize("missing", ["", "is_staff", "view_figures", *MANAGES_ACCESS])
def test_it_is_for_staff_who_may_manage_access(client: Client, missing: str) -> None:
    figures = [] if missing == "view_figures" else ["view_figures"]
    user = people.reader("carl", *figures, is_staff=missing != "is_staff")
    with as_owner():
        codes = [name.rpartition(".")[2] for name in MANAGES_ACCESS if name != missing]
        user.user_permissions.add(
            *Permission.objects.filter(content_type__app_label="accounts", codename__in=codes)
        )
    client.force_login(user)
    response = client.get("/api/audit")

    assert response.status_code == (403 if missing else 200)


def test_the_group_of_operators_may_and_the_key_may_not(client: Client, program: Client) -> None:
    user = people.reader("olga", "view_figures", is_staff=True)
    with as_owner():
        user.groups.add(Group.objects.get(name="operator"))
    client.force_login(user)

    assert client.get("/api/audit").status_code == 200
    refused = program.get("/api/audit")
    assert (refused.status_code, "DASHBOARD_API_KEY" in refused.json()["error"]["message"]) == (403, True)
    assert Client().get("/api/audit").status_code == 401
