"""Stops in the admin: who may, adds and lifts; nobody changes or deletes."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts import stopping
from accounts.models import Stop
from accounts.models.stops import MOST_STOPS
from accounts.stopping import Target
from tests.dashboard.admin.test_groups import sign_in
from tests.people import reader
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/stop/"
FORM = {"domain": "api.example", "session_id": "session-1", "minutes": "15"}


@pytest.fixture
def ann(client: Client) -> Client:
    client.force_login(reader("ann", "view_figures", "stop_streams", is_staff=True))
    return client


def test_a_session_is_stopped_and_lifted(ann: Client) -> None:
    added = ann.post(f"{LIST}add/", FORM, follow=True).content.decode()
    row = Stop.objects.get()
    lifted = ann.post(LIST, {"action": "lift", "_selected_action": [row.pk]}, follow=True).content.decode()
    again = ann.post(LIST, {"action": "lift", "_selected_action": [row.pk]}, follow=True).content.decode()

    assert "session session-1 of api.example" in added
    assert "in force" in added
    assert "1 stop lifted." in lifted
    assert f"Stop {row.pk} is over already." in again
    row.refresh_from_db()
    assert (row.stopped_by, row.lifted_by) == ("ann", "ann")
    with as_owner():
        messages = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
    assert [message.split(" ")[0] for message in messages] == ["Stopped", "Lifted;"]


def test_a_form_without_a_session_stops_nothing(ann: Client) -> None:
    page = ann.post(f"{LIST}add/", {**FORM, "session_id": ""}).content.decode()

    assert "Give the id of the session" in page
    assert not Stop.objects.exists()


def test_one_more_than_proxies_hold_is_an_error_of_the_form(ann: Client) -> None:
    until = timezone.now() + timedelta(hours=1)
    Stop.objects.bulk_create(Stop(domain="a", session_id=str(n), until=until) for n in range(MOST_STOPS))

    assert "lift some" in ann.post(f"{LIST}add/", FORM).content.decode()


def test_nobody_changes_or_deletes_a_stop(client: Client) -> None:
    root = User.objects.create_superuser("olga")
    client.force_login(root)
    row = stopping.stop(Target("api.example", "session-1"), 15, root)

    statuses = [client.get(f"{LIST}{row.pk}/{page}/").status_code for page in ("delete", "change")]
    client.post(f"{LIST}{row.pk}/change/", {**FORM, "domain": "other.example"})

    assert statuses == [403, 200]  # Django shows it without a form
    assert Stop.objects.get().domain == "api.example"


@pytest.mark.parametrize(("group", "status"), [("operator", 200), ("analyst", 403)])
def test_operators_may_and_analysts_may_not(client: Client, group: str, status: int) -> None:
    member = sign_in(client, group)

    assert member.get(LIST).status_code == status
    assert member.get(f"{LIST}add/").status_code == status
