"""How much goes over the line: what is compressed and for whom, what browsers keep, and what needs not be sent again."""

import gzip
import re

import brotli
import pytest
from django.conf import settings
from django.test import Client

from dashboard.static_files import FOREVER
from tests import people
from tests.dashboard.talk import session, stored

pytestmark = pytest.mark.django_db
BOTH = {"Accept-Encoding": "gzip, deflate, br"}
OURS = {**BOTH, "Sec-Fetch-Site": "same-origin"}


def coding(client: Client, path: str, **headers: str) -> str | None:
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    return response.headers.get("Content-Encoding")


def test_a_page_is_compressed_as_the_browser_takes_it(signed_in: Client) -> None:
    plain = signed_in.get("/dashboard/limits")
    small = signed_in.get("/dashboard/limits", headers=OURS)
    by_gzip = signed_in.get("/dashboard/limits", headers={"Accept-Encoding": "br;q=0, gzip"})

    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "br"
    assert by_gzip.headers["Content-Encoding"] == "gzip"
    assert {"Accept-Encoding", "Sec-Fetch-Site"} <= set(re.split(", ?", small.headers["Vary"]))
    assert int(small.headers["Content-Length"]) == len(small.content) < len(plain.content) / 2
    for text in (brotli.decompress(small.content), gzip.decompress(by_gzip.content)):
        assert b"<h1>Limits</h1>" in text


@pytest.mark.parametrize("path", ["/dashboard/limits", "/dashboard/search", "/api/stats"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_makes_a_browser_ask_for_tells_no_length(
    signed_in: Client, path: str, site: str
) -> None:
    assert coding(signed_in, path, **BOTH, **{"Sec-Fetch-Site": site}) is None


def test_what_holds_bodies_is_compressed_only_for_who_says_where_it_comes_from(signed_in: Client) -> None:
    row = people.make_exchange()
    for path in ("/dashboard/search?q=words", f"/dashboard/request/{row.id}"):
        assert coding(signed_in, path, **BOTH) is None
        assert coding(signed_in, path, **OURS) == "br"
        assert coding(signed_in, path, **BOTH, **{"Sec-Fetch-Site": "none"}) == "br"


def test_a_program_gets_its_responses_compressed(program: Client) -> None:
    row = people.make_exchange()

    assert coding(program, f"/api/requests/{row.id}", **BOTH) == "br"
    assert coding(program, "/api/stats", **BOTH) == "br"


def test_an_export_is_streamed_as_it_is(program: Client) -> None:
    people.make_exchange()

    assert coding(program, "/api/requests.csv", **BOTH) is None


def test_the_api_says_whether_what_is_known_still_holds(program: Client) -> None:
    for number in range(20):
        people.make_exchange(domain=f"{number}.example")
    first = program.get("/api/domains", headers=BOTH)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    assert program.get("/api/domains").headers["ETag"] == tag.removeprefix("W/")

    again = program.get("/api/domains", headers={**BOTH, "If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")

    people.make_exchange(domain="new.example")
    assert program.get("/api/domains", headers={**BOTH, "If-None-Match": tag}).status_code == 200


def test_bodies_have_no_tag(program: Client) -> None:
    row = people.make_exchange()

    assert "ETag" not in program.get(f"/api/requests/{row.id}").headers


def test_static_files_are_kept_for_a_year_by_their_hash(signed_in: Client) -> None:
    page = signed_in.get("/dashboard/limits").content.decode()
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(addresses) > 5

    for address in addresses:
        found = signed_in.get(address, headers=BOTH)
        assert found.headers["Cache-Control"] == FOREVER, address
        assert found.headers.get("Content-Encoding") == "br", address
        assert len(b"".join(found)) > 0


def test_a_former_version_is_not_kept(client: Client) -> None:
    for query in ("", "?v=0123456789ab"):
        found = client.get(f"/static/dashboard/keys.js{query}")
        assert found.headers["Cache-Control"] != FOREVER
        assert b"use strict" in b"".join(found)
        found.close()


def test_a_page_and_its_files_stay_light(signed_in: Client) -> None:
    row = stored(session())
    page = signed_in.get(f"/dashboard/session/{row.id}", headers=OURS)
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', brotli.decompress(page.content).decode())

    assert (
        len(page.content) + sum(len(b"".join(signed_in.get(file, headers=BOTH))) for file in files) < 150_000
    )


def test_the_policy_and_the_cookie_go_with_a_compressed_page(client: Client) -> None:
    page = client.get("/dashboard/login", headers=OURS)

    assert page.headers["Content-Encoding"] == "br"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert settings.CSRF_COOKIE_NAME in page.cookies
