"""Invitations: made with no more rights than the inviter has, accepted once, and used up by nothing but that."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from accounts import guesses, invitations
from accounts.models import Invitation
from dashboard.access import sessions
from dashboard.access.oidc import outbound
from tests.dashboard.access import provider
from tests.dashboard.access.provider import Provider

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
EMAIL = "ann@corp.example"
PASSWORD = "correct horse battery"


@pytest.fixture
def secret() -> str:
    return invitations.invite(EMAIL, [analysts()], None)[1]


def analysts() -> Group:
    group, _ = Group.objects.get_or_create(name="analyst")
    group.permissions.add(Permission.objects.get(codename="view_figures"))
    return group


def show(client: Client, secret: str) -> Any:
    return client.post("/dashboard/invitation", {"secret": secret})


def accept(client: Client, password: str = PASSWORD, again: str = "") -> Any:
    return client.post("/dashboard/invitation/accept", {"password": password, "again": again or password})


def test_the_invited_sets_a_password_and_is_signed_in_with_the_groups(client: Client, secret: str) -> None:
    shown = show(client, secret)
    page = client.get("/dashboard/invitation/accept")
    accepted = accept(client)
    user = User.objects.get()

    assert (shown.headers["Location"], accepted.headers["Location"]) == (
        "/dashboard/invitation/accept",
        "/dashboard",
    )
    assert EMAIL in page.text
    assert (user.username, user.email, user.is_staff, user.is_superuser) == (EMAIL, EMAIL, False, False)
    assert [group.name for group in user.groups.all()] == ["analyst"]
    assert user.check_password(PASSWORD)
    assert client.get("/dashboard").status_code == 200
    assert "Accepted the invitation of the command line" in LogEntry.objects.get().change_message


def test_looking_at_it_uses_nothing_up_and_it_counts_once(client: Client, secret: str) -> None:
    for _ in range(2):
        assert client.get("/dashboard/invitation").status_code == 200
        assert show(Client(), secret).status_code == 302
    late = Client()
    show(late, secret)
    show(client, secret)
    accept(client)

    used = show(Client(), secret)
    assert used.status_code == 410
    assert "used already" in used.text
    assert accept(late).status_code == 410
    assert User.objects.count() == 1


def test_one_that_is_over_or_withdrawn_says_so(client: Client, secret: str) -> None:
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    over = show(client, secret)
    Invitation.objects.get().withdraw()
    withdrawn = show(client, secret)

    assert (over.status_code, withdrawn.status_code) == (410, 410)
    assert "good for 72 hours" in over.text
    assert "was withdrawn" in withdrawn.text


def test_it_is_good_for_72_hours() -> None:
    row, _ = invitations.invite(EMAIL, [], None)

    assert timedelta(hours=71.9) < row.expires_at - timezone.now() <= timedelta(hours=72)


def test_wrong_ones_are_counted_and_say_nothing_of_who_is_invited(client: Client, secret: str) -> None:
    seen = {show(client, f"cnp_invite_{number}").status_code for number in range(guesses.LIMIT)}
    waits = show(client, secret)

    assert (seen, waits.status_code) == ({404}, 429)
    assert EMAIL not in waits.text
    assert client.get("/dashboard/invitation/accept").status_code == 302


@pytest.mark.parametrize(
    ("password", "again"), [("short", ""), ("password123", ""), (PASSWORD, "another one")]
)
def test_a_password_has_to_be_good(client: Client, secret: str, password: str, again: str) -> None:
    show(client, secret)

    assert accept(client, password, again).status_code == 400
    assert not User.objects.exists()


def test_no_address_of_it_is_passed_on_or_kept(client: Client, secret: str) -> None:
    show(client, secret)
    for path in ("/dashboard/invitation", "/dashboard/invitation/accept"):
        response = client.get(path)
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response.headers["Cache-Control"]


def test_an_inviter_gives_no_more_than_they_have() -> None:
    carl = User.objects.create_user("carl")
    with pytest.raises(invitations.NotInvited, match="analyst may do more"):
        invitations.invite(EMAIL, [analysts()], carl)
    carl.groups.add(analysts())

    row, secret = invitations.invite(EMAIL, [analysts()], User.objects.get())
    assert (row.inviter, row.groups) == ("carl", ["analyst"])
    assert invitations.find(secret) == row


@pytest.mark.parametrize("change", ["lost the right", "was deactivated"])
def test_an_invitation_ends_with_the_rights_of_its_inviter(client: Client, change: str) -> None:
    carl = User.objects.create_user("carl")
    carl.groups.add(analysts())
    _, secret = invitations.invite(EMAIL, [analysts()], User.objects.get())
    show(client, secret)
    if change == "lost the right":
        carl.groups.clear()
    else:
        User.objects.update(is_active=False)

    assert accept(client).status_code == 410
    assert show(client, secret).status_code == 410


def test_whose_address_is_a_users_is_not_invited_and_not_made_twice(client: Client, secret: str) -> None:
    show(client, secret)
    User.objects.create_user("ann", "Ann@corp.example")

    assert accept(client).status_code == 410
    with pytest.raises(invitations.NotInvited, match="already"):
        invitations.invite(EMAIL, [], None)


def test_only_a_hash_is_kept_and_nothing_is_logged(
    client: Client, secret: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pages = [show(client, secret).text, client.get("/dashboard/invitation/accept").text]
    accept(client)
    pages.append(show(Client(), secret).text)
    said = capfd.readouterr()
    rows = str([*Invitation.objects.values(), *LogEntry.objects.values()])
    rows += str([session.get_decoded() for session in Session.objects.all()])

    assert [place for place in (*pages, said.out, said.err, rows) if secret[-40:] in place] == []


def test_a_session_that_accepts_outlives_the_end_of_others(client: Client, secret: str) -> None:
    show(client, secret)
    sessions.end_void()

    assert accept(client).status_code == 302


@pytest.fixture
def idp(settings: LazySettings) -> Iterator[Provider]:
    with provider.serve() as running:
        settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = (
            running.url,
            "nexus",
            "secret",
        )
        outbound.forget()
        yield running


def by_provider(client: Client, idp: Provider, sub: str) -> Any:
    address = idp.approve(client.get("/dashboard/oidc/login").headers["Location"], sub)
    return client.get(address.removeprefix("http://testserver"))


def test_the_invited_may_come_by_the_provider_with_the_same_address_only(
    client: Client, idp: Provider, secret: str
) -> None:
    idp.has("ann", email=EMAIL.upper(), email_verified=True)
    idp.has("bob", email="bob@corp.example", email_verified=True)
    idp.has("eve", email=EMAIL, email_verified=False)
    show(client, secret)
    refused = by_provider(client, idp, "bob")

    assert refused.status_code == 403
    assert "another e-mail address" in refused.text
    assert by_provider(client, idp, "eve").status_code == 403
    assert by_provider(client, idp, "ann").status_code == 302
    user = User.objects.get()
    assert (user.email, user.has_usable_password()) == (EMAIL, False)
    assert client.get("/dashboard").status_code == 200
    assert show(Client(), secret).status_code == 410


def test_the_command_prints_the_link_alone_or_as_json(settings: LazySettings) -> None:
    settings.DASHBOARD_URL = "https://nexus.example"
    analysts()
    plain, in_json, reported = StringIO(), StringIO(), StringIO()
    call_command("invite", "Bob@corp.example", stdout=plain, stderr=reported)
    call_command("invite", EMAIL, "--group", "analyst", "--json", stdout=in_json, stderr=reported)
    shown = json.loads(in_json.getvalue())

    assert plain.getvalue().startswith("https://nexus.example/dashboard/invitation#cnp_invite_")
    assert (shown["email"], shown["groups"]) == (EMAIL, ["analyst"])
    assert invitations.find(shown["link"].partition("#")[2]) == Invitation.objects.get(email=EMAIL)
    for arguments in (["nobody"], ["c@corp.example", "--group", "nowhere"]):
        with pytest.raises(CommandError):
            call_command("invite", *arguments, stdout=plain, stderr=reported)
    assert Invitation.objects.count() == 2


def test_the_admin_shows_the_link_once_and_withdraws(client: Client) -> None:
    analysts()
    client.force_login(User.objects.create_superuser("olga"))
    data = {"email": EMAIL, "chosen": [analysts().pk]}
    made = client.post("/admin/accounts/invitation/add/", data)
    row = Invitation.objects.get()
    again = client.get(f"/admin/accounts/invitation/{row.pk}/change/")
    data = {"action": "withdraw", "_selected_action": [row.pk]}
    client.post("/admin/accounts/invitation/", data)

    assert "/dashboard/invitation#cnp_invite_" in made.text
    assert "no-store" in made.headers["Cache-Control"]
    assert again.status_code == 200
    assert "cnp_invite_" not in again.text
    assert (row.inviter, row.groups) == ("olga", ["analyst"])
    assert Invitation.objects.get().state == "withdrawn"
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")][-1] == "Withdrawn."


def test_the_admin_offers_no_group_that_may_do_more(client: Client) -> None:
    analysts()
    carl = User.objects.create_user("carl", is_staff=True)
    carl.user_permissions.add(Permission.objects.get(codename="add_invitation"))
    client.force_login(carl)
    page = client.get("/admin/accounts/invitation/add/").text
    client.post("/admin/accounts/invitation/add/", {"email": EMAIL, "chosen": [analysts().pk]})

    assert "analyst" not in page
    assert not Invitation.objects.exists()
