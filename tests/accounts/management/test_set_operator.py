"""`manage.py set_operator`."""

from io import StringIO

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from nexus_project.operations.grants import DASHBOARD

# As in the dashboard's container; elsewhere it runs as the owner, who may do that too.
pytestmark = [pytest.mark.django_db, pytest.mark.database_role(DASHBOARD)]


def test_an_operator_is_made_and_can_sign_in(settings: Settings) -> None:
    settings.OPERATOR_PASSWORD = "a long enough one"

    call_command("set_operator", "ada", stdout=(said := StringIO()))

    user = authenticate(username="ada", password="a long enough one")
    assert user is not None
    assert (user.is_staff, user.is_superuser) == (True, True)
    # They stay when somebody takes the superuser's rights away.
    assert set(user.user_permissions.values_list("codename", flat=True)) == {
        "view_figures",
        "read_bodies",
        "stop_streams",
        "manage_access",
    }
    assert "ada was created" in said.getvalue()


def test_an_operator_gets_a_new_password(settings: Settings) -> None:
    get_user_model().objects.create_user("ada", password="the old password")
    settings.OPERATOR_PASSWORD = "the new password"

    call_command("set_operator", "ada", stdout=(said := StringIO()))

    assert authenticate(username="ada", password="the new password")
    assert authenticate(username="ada", password="the old password") is None
    assert "has a new password" in said.getvalue()


def test_a_weak_password_is_refused_and_nobody_is_made(settings: Settings) -> None:
    settings.OPERATOR_PASSWORD = "password1"

    with pytest.raises(CommandError, match=r"too short.*Choose another one"):
        call_command("set_operator", "ada")


def test_without_a_terminal_the_command_says_where_the_password_comes_from(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OPERATOR_PASSWORD = ""
    monkeypatch.setattr("sys.stdin", StringIO())

    with pytest.raises(CommandError, match="set OPERATOR_PASSWORD"):
        call_command("set_operator", "ada")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person types at the two prompts."""
    responses: list[str] = []
    settings.OPERATOR_PASSWORD = ""
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("accounts.management.commands.set_operator.getpass", lambda prompt: responses.pop(0))
    return responses


def test_in_a_terminal_the_password_is_typed_twice(typed: list[str]) -> None:
    typed += ["typed by hand", "typed by hand"]

    call_command("set_operator", "ada", stdout=StringIO())

    assert authenticate(username="ada", password="typed by hand")


def test_a_mistyped_password_makes_nobody(typed: list[str]) -> None:
    typed += ["typed by hand", "mistyped"]

    with pytest.raises(CommandError, match="differ"):
        call_command("set_operator", "ada")

    assert not get_user_model().objects.exists()
