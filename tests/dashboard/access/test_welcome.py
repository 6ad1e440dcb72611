"""The first page after a first sign-in explains itself, until its reader puts that away."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import WelcomeDismissal
from tests.people import reader

pytestmark = pytest.mark.django_db
TITLE = 'id="welcome-title"'


def test_who_looks_learns_what_is_where_and_what_they_may_see(client: Client) -> None:
    client.force_login(reader("ann", "view_figures"))
    figures = client.get("/dashboard").text
    client.force_login(reader("bob", "view_figures", "read_bodies"))
    bodies = client.get("/dashboard").text

    assert "Welcome, ann" in figures
    assert "and not what people and models said to each other" in figures
    assert "lists, and what people and models said to each other" in bodies
    assert "create_client_key" not in figures


def test_an_operator_learns_the_next_steps_with_the_addresses_of_this_server(client: Client) -> None:
    client.force_login(User.objects.create_superuser("olga"))
    page = client.get("/dashboard", headers={"Host": "localhost:3001"}).text

    assert "manage.py create_client_key localhost laptop --create-domain" in page
    assert "export ANTHROPIC_BASE_URL=http://localhost:3000" in page
    assert 'href="/admin/accounts/domain/add/"' in page


def test_it_is_put_away_for_good_and_by_its_user_alone(client: Client) -> None:
    ann, bob = reader("ann", "view_figures"), reader("bob", "view_figures")
    client.force_login(ann)
    response = client.post("/dashboard/welcome/dismiss")
    client.post("/dashboard/welcome/dismiss")
    again = Client()
    again.force_login(ann)
    other = Client()
    other.force_login(bob)

    assert response.headers["Location"] == "/dashboard"
    assert TITLE not in again.get("/dashboard").text
    assert TITLE in other.get("/dashboard").text
    assert WelcomeDismissal.objects.get().user_id == ann.pk


def test_the_key_is_nobodys_own_and_a_part_of_the_page_does_not_repeat_it(
    signed_in: Client, client: Client
) -> None:
    of_ann = Client()
    of_ann.force_login(reader("ann", "view_figures"))

    assert TITLE not in signed_in.get("/dashboard").text
    assert TITLE not in of_ann.get("/dashboard", headers={"HX-Request": "true"}).text


def test_strangers_put_nothing_away(client: Client) -> None:
    client.post("/dashboard/welcome/dismiss")

    assert not WelcomeDismissal.objects.exists()
