"""`manage.py set_operator`."""

from io import StringIO

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db


def test_an_operator_is_made_and_can_sign_in(settings: SettingsWrapper) -> None:
    settings.OPERATOR_PASSWORD = "a long enough one"

    call_command("set_operator", "ada", stdout=(said := StringIO()))

    user = authenticate(username="ada", password="a long enough one")
    assert user is not None
    assert (user.is_staff, user.is_superuser) == (True, True)
    assert "ada was created" in said.getvalue()


def test_an_operator_gets_a_new_password(settings: SettingsWrapper) -> None:
    get_user_model().objects.create_user("ada", password="the old password")
    settings.OPERATOR_PASSWORD = "the new password"

    call_command("set_operator", "ada", stdout=(said := StringIO()))

    assert authenticate(username="ada", password="the new password")
    assert authenticate(username="ada", password="the old password") is None
    assert "has a new password" in said.getvalue()


def test_a_weak_password_is_refused_and_nobody_is_made(settings: SettingsWrapper) -> None:
    settings.OPERATOR_PASSWORD = "password1"

    with pytest.raises(CommandError, match=r"too short.*Choose another one"):
        call_command("set_operator", "ada")


def test_without_a_terminal_the_command_says_where_the_password_comes_from(
    settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OPERATOR_PASSWORD = ""
    monkeypatch.setattr("sys.stdin", StringIO())

    with pytest.raises(CommandError, match="set OPERATOR_PASSWORD"):
        call_command("set_operator", "ada")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("again", "made"), [("typed by hand", True), ("mistyped", False)])
def test_in_a_terminal_the_password_is_typed_twice(
    settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch, again: str, made: bool
) -> None:
    settings.OPERATOR_PASSWORD = ""
    typed = iter(["typed by hand", again])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("accounts.management.commands.set_operator.getpass", lambda prompt: next(typed))

    try:
        call_command("set_operator", "ada", stdout=StringIO())
    except CommandError as error:
        assert "differ" in str(error)

    assert bool(authenticate(username="ada", password="typed by hand")) is made
