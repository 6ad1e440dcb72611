"""`/api/audit`: who changed what, for staff who may manage access."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from accounts.models import Credential, Domain
from tests import people
from tests.dashboard.admin.test_admin import form
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


def note(
    user: User, model: Any, name: str, action: int = CHANGE, message: str = "Disabled.", **fields: Any
) -> LogEntry:
    kind = ContentType.objects.get_for_model(model)
    entry = LogEntry(
        user=user,
        content_type=kind,
        object_id="7",
        object_repr=name,
        action_flag=action,
        change_message=message,
        **fields,
    )
    entry.save()
    return entry


def ids(client: Client, query: str = "") -> list[int]:
    return [change["id"] for change in client.get(f"/api/audit?{query}").json()["changes"]]


def test_what_operators_did_in_the_admin_is_listed_newest_first(operator: Client) -> None:
    credential = people.make_credential(people.make_domain(), name="team")
    form = {"action": "disable", "_selected_action": [credential.pk]}
    operator.post("/admin/accounts/credential/", form)
    other = note(people.reader("ann"), Domain, "sk-ant-api03-a-name-by-mistake", DELETION, "")
    newest, first = operator.get("/api/audit").json()["changes"]

    assert first.pop("at").startswith(f"{datetime.now(UTC):%Y-%m-%dT}")
    assert first == {
        "id": other.pk - 1,
        "user": "olga",
        "action": "changed",
        "kind": "accounts.credential",
        "objectId": str(credential.pk),
        "objectName": "team (api.example.com)",
        "message": "Disabled.",
    }
    assert [newest[name] for name in ("user", "action", "kind", "objectName")] == [
        "ann",
        "deleted",
        "accounts.domain",
        "sk-ant-****",
    ]


def test_fields_are_named_and_no_value_of_theirs(operator: Client) -> None:
    secret = "https://hooks.slack.com/services/T0/B0/canary-in-a-coal-mine"
    domain = people.make_domain("new.example")
    operator.post(
        f"/admin/accounts/domain/{domain.pk}/change/", form(name="new.example", slack_webhook_url=secret)
    )
    response = operator.get("/api/audit")
    [change] = response.json()["changes"]

    assert (change["action"], change["kind"], change["objectName"]) == (
        "changed",
        "accounts.domain",
        "new.example",
    )
    assert "webhook" in change["message"].lower()
    assert "canary" not in response.content.decode()


def test_it_goes_on_where_it_stopped(operator: Client) -> None:
    olga = User.objects.get()
    made = [note(olga, Credential, str(number), ADDITION).pk for number in range(5)][::-1]
    first = operator.get("/api/audit?limit=3").json()
    second = operator.get(f"/api/audit?limit=3&before={first['nextBefore']}").json()

    assert [change["id"] for page in (first, second) for change in page["changes"]] == made
    assert (first["nextBefore"], second["nextBefore"]) == (made[2], None)


def test_the_filter_is_of_period_user_and_kind(operator: Client) -> None:
    olga, ann = User.objects.get(), people.reader("ann")
    old = note(olga, Domain, "a", action_time=datetime(2026, 7, 1, tzinfo=UTC)).pk
    new, hers = note(olga, Credential, "b").pk, note(ann, Domain, "c").pk

    assert ids(operator, "to=2026-08-01") == [old]
    assert ids(operator, "from=2026-08-01") == [hers, new]
    assert ids(operator, "user=ann") == [hers]
    assert ids(operator, "kind=accounts.credential") == [new]
    assert ids(operator, "kind=accounts.Domain&user=olga") == [old]
    assert ids(operator, "user=%00") == [hers, new, old]
    for query in ("domain=a", "before=0", "before=99999999999", "limit=0"):
        assert operator.get(f"/api/audit?{query}").status_code == 422


@pytest.mark.parametrize("missing", ["", "view_figures", "manage_access"])
def test_it_is_for_who_may_manage_access(client: Client, missing: str) -> None:
    user = people.reader("carl", *{"view_figures", "manage_access"} - {missing})
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
