"""The page of what changed from one request to the next."""

from uuid import UUID

import pytest
from django.test import Client
from django.utils.html import escape

from dashboard.access.signin import NOT_ALLOWED, READ_BODIES
from proxy.conversations.findings.cause_words import ADVICE, Cause
from proxy.store.models import Exchange
from tests import people
from tests.dashboard.found import make_break
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db


def made(system: str) -> Exchange:
    return people.make_exchange(request=people.REQUEST | {"system": system})


def address(exchange: UUID, against: UUID | None = None) -> str:
    return f"/dashboard/request/{exchange}/diff" + (f"?against={against}" if against else "")


def test_both_sides_of_a_difference_are_shown_and_escaped(signed_in: Client) -> None:
    before, after = made("<b>old</b>"), made("<b>new</b>")
    page = text(signed_in, address(after.id, before.id))

    assert "&lt;b&gt;old&lt;/b&gt;" in page
    assert "&lt;b&gt;new&lt;/b&gt;" in page
    assert ">changed</span>" in page
    assert "system block 0" in page
    assert "cache ends here" in page
    assert f'href="/dashboard/request/{before.id}"' in page
    assert "The same in both: settings, tools, messages, deferred tools." in page
    assert "Cache break:" not in page


def test_the_cause_of_a_break_and_what_to_do_stand_on_top(signed_in: Client) -> None:
    before, after = made("old"), made("new")
    make_break(after, parent=before.id, cause=Cause.SYSTEM, at="system block 0", by_api=True)
    page = text(signed_in, address(after.id))

    assert "Cache break: system prompt changed" in page
    assert escape(ADVICE[Cause.SYSTEM].to_do) in page
    assert "20,000 tokens that were cached were not read" in page
    assert "$0.0690" in page
    assert ">by the API</span>" in page
    assert page.index("Cache break:") < page.index("cache ends here")


def test_what_cannot_be_compared_is_a_sentence(signed_in: Client) -> None:
    row = made("s")
    no_json = people.make_exchange(request=b"no JSON")

    assert "goes on from no other one" in text(signed_in, address(row.id))
    assert "its body is no JSON" in text(signed_in, address(row.id, no_json.id))
    assert "No difference" in text(signed_in, address(row.id, row.id))


def test_ids_that_lead_nowhere_are_not_found(signed_in: Client) -> None:
    assert signed_in.get(address(people.make_id())).status_code == 404
    assert signed_in.get(f"{address(made('s').id)}?against=x").status_code == 404


def test_it_is_kept_by_no_cache_and_needs_the_right_to_bodies(signed_in: Client, client: Client) -> None:
    row = made("s")
    assert signed_in.get(address(row.id, row.id)).headers["Cache-Control"] == "no-store"
    client.logout()
    client.force_login(people.reader("analyst", "view_figures"))

    refused = client.get(address(row.id, row.id))

    assert refused.status_code == 403
    assert NOT_ALLOWED[READ_BODIES] in refused.content.decode()
