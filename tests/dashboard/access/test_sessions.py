"""Sessions end: a copy of a cookie is worth nothing once its owner signed out, or may not sign in any more."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from dashboard.access import sessions
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def copy_of(client: Client) -> Client:
    """Another browser with the same cookie."""
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return thief


def opens(client: Client) -> bool:
    return client.get("/dashboard").status_code == 200


@pytest.fixture
def olga() -> User:
    return User.objects.create_superuser("olga", password=PASSWORD)


@pytest.fixture
def of_olga(client: Client, olga: User) -> Client:
    assert client.login(username="olga", password=PASSWORD)
    return client


def test_a_copied_cookie_is_void_after_its_owner_signed_out(signed_in: Client) -> None:
    copy = copy_of(signed_in)
    before = opens(copy)

    signed_in.post("/dashboard/logout")

    assert (before, opens(copy)) == (True, False)
    assert not Session.objects.exists()


def test_signing_out_of_the_admin_ends_the_session_as_well(of_olga: Client) -> None:
    copy = copy_of(of_olga)
    assert opens(copy)

    of_olga.post("/admin/logout/")

    assert not opens(copy)
    assert not Session.objects.exists()


def by_form(client: Client, olga: User) -> None:
    form = {
        "old_password": PASSWORD,
        "new_password1": "another long one",
        "new_password2": "another long one",
    }
    assert client.post("/admin/password_change/", form).status_code == 302


def by_command(client: Client, olga: User) -> None:
    with as_owner():
        call_command("set_operator", "olga")


def by_save(client: Client, olga: User) -> None:
    olga.is_active = False
    olga.save()


def by_deletion(client: Client, olga: User) -> None:
    olga.delete()


@pytest.mark.parametrize("ends", [by_form, by_command, by_save, by_deletion])
def test_all_sessions_of_a_user_end_with_the_password_and_with_the_user(
    of_olga: Client, olga: User, ends: Callable[[Client, User], None], settings: LazySettings
) -> None:
    settings.OPERATOR_PASSWORD = "yet another long one"
    other = Client()
    other.login(username="olga", password=PASSWORD)
    key = other.cookies["nexus_session"].value
    assert opens(other)

    ends(of_olga, olga)

    assert not Session.objects.filter(pk=key).exists()
    assert not opens(other)
    assert opens(of_olga) is (ends is by_form)  # who changes a password stays signed in


def test_a_session_that_ended_with_its_user_stays_ended_when_the_user_is_back(
    of_olga: Client, olga: User
) -> None:
    for is_active in (False, True):
        olga.is_active = is_active
        olga.save()

    assert not opens(of_olga)


def test_signing_in_ends_no_session_of_others(signed_in: Client, olga: User) -> None:
    Client().login(username="olga", password=PASSWORD)

    assert opens(signed_in)


def test_what_is_void_is_cleared(signed_in: Client, settings: LazySettings) -> None:
    old = Client()
    old.post("/dashboard/login", {"key": settings.DASHBOARD_API_KEY})
    expired = Session.objects.get(pk=old.cookies["nexus_session"].value)
    expired.expire_date = timezone.now() - timedelta(seconds=1)
    expired.save()

    assert sessions.clear() == 1
    assert opens(signed_in)

    settings.DASHBOARD_API_KEY = "another-key-of-the-dashboard"
    assert sessions.clear() == 1
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_dashboard_clears_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('nexus_sessions'))")

    found: list[object] = []

    def clear() -> None:
        try:
            found.append(sessions.clear())
        finally:
            connection.close()

    thread = threading.Thread(target=clear)
    thread.start()
    thread.join()

    assert found == [None]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")


class Stopped(Exception):
    """Ends what never returns."""


def test_an_outage_is_logged_and_the_next_hour_tries_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns = iter([OperationalError("gone"), None])

    def clear() -> None:
        if failure := next(turns):
            raise failure

    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise Stopped

    monkeypatch.setattr(sessions, "clear", clear)
    monkeypatch.setattr("dashboard.access.sessions.time.sleep", sleep)
    monkeypatch.setattr("dashboard.access.sessions.connection.close", lambda: None)

    with caplog.at_level(logging.WARNING), pytest.raises(Stopped):
        sessions.clear_hourly()

    assert caplog.messages == ["sessions.not_cleared"]
    assert pauses == [sessions.HOUR] * 2


@pytest.mark.parametrize("cookie", ["", "x", "eyJkYXNoYm9hcmQiOiJ4In0:1abcde:forged", "\x00", "a" * 5000])
def test_a_made_up_key_opens_nothing(cookie: str) -> None:
    assert sessions.reader(cookie) is None
    assert sessions.reader(None) is None
