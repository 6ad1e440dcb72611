"""API tokens: what they open, in which domains, until when; and that a token is nowhere but in the answer that made it."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.secrets.masking import mask_text
from dashboard.access import tokens
from dashboard.models import ApiToken
from tests import people
from tests.dashboard.narrowing.domains import bound
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


def made(owner: User, *scopes: str, **fields: Any) -> tuple[ApiToken, Client]:
    row, token = tokens.create(owner, "ci", scopes or ("figures",), fields.pop("expires_at", None))
    return row, Client(headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def ann() -> User:
    return people.reader("ann", "view_figures", "read_bodies")


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key", "X-Dashboard-Key"])
def test_a_token_opens_what_its_scopes_say(ann: User, header: str) -> None:
    row = people.make_exchange()
    for scopes, body_status in ((("figures",), 403), (("figures", "bodies"), 200)):
        _, token = tokens.create(ann, "ci", scopes, None)
        client = Client(headers={header: f"Bearer {token}" if header == "Authorization" else token})

        assert client.get("/api/stats").status_code == 200
        response = client.get(f"/api/requests/{row.id}")
        assert response.status_code == body_status
        assert body_status == 200 or "bodies" in response.json()["error"]["message"]


def test_a_token_opens_nothing_that_its_owner_may_not_see() -> None:
    row = people.make_exchange()
    _, client = made(people.reader("bob", "view_figures"), "figures", "bodies")
    _, nothing = made(people.reader("eve"), "figures", "bodies")

    assert client.get("/api/stats").status_code == 200
    assert client.get(f"/api/requests/{row.id}").status_code == 403
    assert nothing.get("/api/stats").status_code == 403


def test_a_token_sees_the_domains_of_its_owner() -> None:
    people.make_exchange(domain="a.example")
    people.make_exchange(domain="b.example")
    _, client = made(bound("ann", "a.example"))

    assert [row["domain"] for row in client.get("/api/requests").json()["requests"]] == ["a.example"]
    assert client.get("/api/storage").status_code == 403


def test_bodies_are_not_read_by_the_token_of_who_sees_fewer_domains() -> None:
    row = people.make_exchange(domain="b.example")
    _, token = tokens.create(bound("ann", "a.example"), "ci", ("figures", "bodies"), None)
    client = Client(headers={"X-API-Key": token})
    client.force_login(people.reader("bob", "view_figures"))

    page = client.get(f"/dashboard/request/{row.id}")

    assert (page.status_code, "Hello there." in page.text) == (200, False)


def revoke(row: ApiToken) -> None:
    tokens.revoke(row)


def end(row: ApiToken) -> None:
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


@as_owner()
def deactivate(row: ApiToken) -> None:
    User.objects.update(is_active=False)


def delete_the_owner(row: ApiToken) -> None:
    row.owner.delete()


@pytest.mark.parametrize("stop", [revoke, end, deactivate, delete_the_owner])
def test_a_token_that_ended_opens_nothing(ann: User, stop: Any) -> None:
    row, client = made(ann)
    assert client.get("/api/stats").status_code == 200

    stop(row)

    assert client.get("/api/stats").status_code == 403


def test_guesses_at_tokens_are_counted_with_those_at_the_key(ann: User) -> None:
    _, right = made(ann)
    for _ in range(10):
        assert Client(headers={"X-API-Key": "cnp_read_guess"}).get("/dashboard/request").status_code in {
            302,
            404,
        }
        Client(headers={"X-API-Key": "cnp_read_guess"}).get("/api/stats")

    refused = right.get("/api/stats")

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_its_use_is_noted_once_a_minute(ann: User) -> None:
    _, client = made(ann)
    client.get("/api/stats")
    first = ApiToken.objects.get().last_used_at
    client.get("/api/stats")

    assert first is not None
    assert ApiToken.objects.get().last_used_at == first


def test_a_token_is_made_in_the_admin_and_shown_once() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("olga"))
    typed = {
        "name": "ci",
        "owner": User.objects.get().pk,
        "scopes": ["figures"],
        "expires_at_0": "",
        "expires_at_1": "",
    }

    shown = client.post("/admin/dashboard/apitoken/add/", typed)

    [token] = [
        word
        for word in shown.text.replace("<", " ").replace(">", " ").split()
        if word.startswith("cnp_read_")
    ]
    assert "no-store" in shown.headers["Cache-Control"]
    assert Client(headers={"X-API-Key": token}).get("/api/stats").status_code == 200
    assert token not in client.get("/admin/dashboard/apitoken/").text
    assert not any(token in cookie.value for cookie in client.cookies.values())
    assert rows_with(token) == []


@as_owner()
def rows_with(text: str) -> list[str]:
    """The tables that hold a text anywhere."""
    with connection.cursor() as cursor:
        names = [
            name
            for name in connection.introspection.table_names(cursor)
            if name.startswith(("dashboard", "django", "auth"))
        ]
        found = []
        for name in names:
            cursor.execute(f'SELECT count(*) FROM "{name}" AS row WHERE row::text LIKE %s', [f"%{text}%"])  # noqa: S608 - our tables
            if cursor.fetchone()[0]:
                found.append(name)
    return found


def test_who_does_not_manage_access_makes_tokens_for_themselves_alone() -> None:
    bob, olga = people.reader("bob", "view_figures", is_staff=True), User.objects.create_superuser("olga")
    made(olga)
    client = Client()
    client.force_login(bob)

    client.post("/admin/dashboard/apitoken/add/", {"name": "mine", "owner": olga.pk, "scopes": ["figures"]})

    assert ApiToken.objects.get(name="mine").owner == bob
    assert "of olga" not in client.get("/admin/dashboard/apitoken/").text


def test_tokens_are_revoked_in_the_admin(ann: User) -> None:
    row, client = made(ann)
    admin = Client()
    admin.force_login(User.objects.create_superuser("olga"))

    admin.post("/admin/dashboard/apitoken/", {"action": "revoke", "_selected_action": [row.pk]})

    assert client.get("/api/stats").status_code == 403


def run(*words: str) -> str:
    out = StringIO()
    with as_owner():
        call_command("api_tokens", *words, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_the_command_makes_lists_and_revokes(ann: User) -> None:
    token = run("create", "ann", "ci", "--scope", "figures", "--expires", "90d")
    client = Client(headers={"X-API-Key": token})
    assert client.get("/api/stats").status_code == 200
    [listed] = json.loads(run("list", "--json"))["tokens"]

    assert (listed["owner"], listed["state"], listed["scopes"]) == ("ann", "valid", ["figures"])
    assert token not in run("list")
    assert json.loads(run("revoke", str(listed["id"]), "--json"))["state"] == "revoked"
    assert client.get("/api/stats").status_code == 403


@pytest.mark.parametrize(
    ("words", "code"),
    [(("create", "nobody", "ci"), 1), (("revoke", "7"), 1), (("create", "ann", "ci", "--expires", "x"), 2)],
)
def test_the_command_says_what_is_wrong(ann: User, words: tuple[str, ...], code: int) -> None:
    with pytest.raises(CommandError) as refused:
        run(*words)

    assert refused.value.returncode == code


def test_a_token_is_masked_wherever_it_is_written(ann: User) -> None:
    _, token = tokens.create(ann, "ci", ("figures",), None)

    assert token not in mask_text(f"it is {token} here")
