"""The page of what runs: who may stop, and what its streams are called, for whom."""

import pytest
from django.test import Client

from accounts import stopping
from accounts.models import ClientKey
from accounts.stopping import Target
from tests import people
from tests.dashboard.talk import session, stored

pytestmark = pytest.mark.django_db
PAGE = "/dashboard/live"
STOP_BUTTON = "data-stop aria-haspopup"


@pytest.mark.parametrize(
    ("permissions", "stops", "words"),
    [
        (("view_figures",), False, False),
        (("view_figures", "read_bodies"), False, True),
        (("view_figures", "stop_streams"), True, False),
    ],
)
def test_who_may_stop_has_buttons_and_who_may_read_has_agents(
    client: Client, permissions: tuple[str, ...], stops: bool, words: bool
) -> None:
    client.force_login(people.reader("ann", *permissions))

    page = client.get(PAGE).text

    assert (STOP_BUTTON in page, 'id="stop-form"' in page, "stop.js" in page) == (stops, stops, stops)
    assert ("data-words" in page, "· agent" in page) == (words, words)
    assert "ANTHROPIC_BASE_URL=" in page


def test_the_key_of_the_dashboard_stops_nothing(signed_in: Client) -> None:
    assert STOP_BUTTON not in signed_in.get(PAGE).text


def test_the_socket_has_the_filter_of_the_page(signed_in: Client) -> None:
    page = signed_in.get(f"{PAGE}?domain=a.example").text

    assert 'data-socket="/ws/live/all?domain=a.example"' in page
    assert "Show all" in page


def test_sessions_and_keys_are_called_as_people_call_them(client: Client) -> None:
    row = stored(session())
    key = ClientKey(domain=people.make_domain("k.example"), name="ci")
    key.issue()
    asked = {"part": "names", "session": [row.session_id, "unknown", ""], "key": [str(key.pk), ""]}

    client.force_login(people.reader("ann", "view_figures", "read_bodies"))
    response = client.get(PAGE, asked)
    client.force_login(people.reader("bo", "view_figures"))
    without_words = client.get(PAGE, asked).json()

    found = response.json()
    assert response.headers["Cache-Control"] == "no-store"
    assert found["keys"] == without_words["keys"] == {str(key.pk): "ci"}
    assert list(found["sessions"]) == list(without_words["sessions"]) == [row.session_id]
    assert found["sessions"][row.session_id]["title"]
    assert without_words["sessions"][row.session_id]["title"] == ""


def test_a_session_is_stopped_and_goes_on_from_its_page(client: Client) -> None:
    row = stored(session())
    ann = people.reader("ann", "view_figures", "stop_streams")
    address = f"/dashboard/session/{row.id}"
    client.force_login(ann)
    before = client.get(address).text

    stop = stopping.stop(Target(row.domain, row.session_id), 15, ann)
    stopped = client.get(address).text
    client.force_login(people.reader("bo", "view_figures"))
    seen = client.get(address).text

    assert f'data-session="{row.session_id}"' in before
    assert "Stopped by" not in before
    for page in (stopped, seen):
        assert "Stopped by ann" in page
    assert f'data-lift="{stop.pk}"' in stopped
    assert "data-lift" not in seen
    assert "data-stop" not in seen
