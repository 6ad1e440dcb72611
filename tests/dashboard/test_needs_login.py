"""A credential that needs a login is named on every page and in the admin."""

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.models import Credential
from tests.accounts.people import make_oauth
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
SAYS = "Needs login"


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/requests", "/dashboard/usage"])
def test_a_page_names_it_until_somebody_signed_in(signed_in: Client, path: str) -> None:
    row = make_oauth("dead.example", name="team")
    make_oauth("off.example", enabled=False, state=Credential.State.NEEDS_LOGIN)
    assert SAYS not in signed_in.get(path).text
    with as_owner():
        row.save_failure("invalid_grant", permanent=True)

    told = signed_in.get(path).text

    assert SAYS in told
    assert "team (dead.example)" in told
    assert "oauth_login" in told
    assert "off.example" not in told


def test_a_database_that_fails_there_breaks_no_page(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**given: object) -> object:
        raise OperationalError("down")

    monkeypatch.setattr(Credential.objects, "filter", down)

    assert signed_in.get("/dashboard").status_code == 200
