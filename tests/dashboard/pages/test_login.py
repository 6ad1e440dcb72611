"""The page that asks for the key, and the way out."""

import pytest
from django.conf import LazySettings, settings
from django.test import Client

pytestmark = pytest.mark.django_db


def test_the_form_keeps_the_page_that_was_wanted(client: Client) -> None:
    page = client.get("/dashboard/login?next=/dashboard/usage").content.decode()

    assert '<input type="hidden" name="next" value="/dashboard/usage">' in page
    assert 'href="/admin/login/?next=%2Fdashboard%2Fusage"' in page


def test_signing_in_leads_to_the_page_that_was_wanted(client: Client) -> None:
    response = client.post(
        "/dashboard/login", {"key": settings.DASHBOARD_API_KEY, "next": "/dashboard/usage?by=domain"}
    )

    assert response.headers["Location"] == "/dashboard/usage?by=domain"


def test_a_wrong_key_is_refused_with_a_sentence(client: Client) -> None:
    response = client.post("/dashboard/login", {"key": "wrong"})

    assert response.status_code == 403
    assert b"DASHBOARD_API_KEY" in response.content
    assert client.get("/dashboard").status_code == 302


def test_signing_out_ends_the_session(signed_in: Client) -> None:
    signed_in.post("/dashboard/logout")

    assert signed_in.get("/dashboard").status_code == 302


def test_signing_out_takes_more_than_a_link(signed_in: Client) -> None:
    assert signed_in.get("/dashboard/logout").status_code == 405


def test_who_is_signed_in_is_not_asked_again(signed_in: Client) -> None:
    assert signed_in.get("/dashboard/login").headers["Location"] == "/dashboard"


def test_the_sign_in_form_is_guarded_against_forgery() -> None:
    response = Client(enforce_csrf_checks=True).post("/dashboard/login", {"key": settings.DASHBOARD_API_KEY})

    assert response.status_code == 403
    assert b"This form has expired" in response.content


def test_e0_an_unset_key_shows_how_to_set_it(client: Client, settings: LazySettings) -> None:
    settings.DASHBOARD_API_KEY = ""

    pages = [client.get(path) for path in ("/dashboard", "/dashboard/login")]

    assert [page.status_code for page in pages] == [503, 503]
    assert all(b"Set <code>DASHBOARD_API_KEY</code>" in page.content for page in pages)
