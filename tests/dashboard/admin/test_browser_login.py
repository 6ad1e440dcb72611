"""Signing in with a Claude account from the admin: an address, a code, and a credential that has its tokens."""

import base64
import hashlib
import html
import json
import logging
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.admin import browser_login
from accounts.models import Credential
from dashboard.models import AuditEntry
from nexus_project.demo.emulator import Emulator
from tests import people
from tests.roles import as_owner

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "/admin/accounts/credential/sign-in/"


def asked(page: str) -> dict[str, list[str]]:
    """What the page's address says to the authorization server."""
    [address] = set(re.findall(r'href="(https://claude\.ai/[^"]+)"', page))
    return parse_qs(urlsplit(html.unescape(address)).query)


def begun(client: Client, path: str) -> str:
    """The state of a sign-in that was begun."""
    return asked(client.get(path).text)["state"][0]


def test_the_code_becomes_a_credential_and_nothing_secret_is_shown(
    operator: Client, endpoint: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    domain = people.make_domain()
    page = operator.get(f"{NEW}?domain={domain.pk}")
    query = asked(page.text)
    with caplog.at_level(logging.DEBUG):
        response = operator.post(
            NEW, {"domain": domain.pk, "name": "team", "code": f" the-code#{query['state'][0]} "}, follow=True
        )
    row = Credential.objects.get()
    sent = json.loads(endpoint.log.entries()[-1].body)
    digest = hashlib.sha256(sent["code_verifier"].encode()).digest()

    assert (str(row), row.kind, row.access_token) == (
        "team (api.example.com)",
        "oauth",
        endpoint.oauth.grants[0]["access_token"],
    )
    assert query["code_challenge"] == [base64.urlsafe_b64encode(digest).rstrip(b"=").decode()]
    assert query["code_challenge_method"] == ["S256"]
    assert "signed in. Proxies use it" in response.text
    assert response.redirect_chain[-1][0] == f"/admin/accounts/credential/{row.pk}/change/"
    for secret in (sent["code_verifier"], row.access_token, row.refresh_token):
        assert secret not in page.text + response.text + caplog.text
    assert "no-store" in page.headers["Cache-Control"]


def test_a_dead_credential_gets_new_tokens_and_the_audit_says_that_they_changed(
    operator: Client, endpoint: Emulator
) -> None:
    row = people.make_credential(people.make_domain(), kind="oauth", refresh_token="sk-ant-ort01-old")
    with as_owner():
        row.save_failure("invalid_grant", permanent=True)
    path = f"/admin/accounts/credential/{row.pk}/sign-in/"
    assert path in operator.get(f"/admin/accounts/credential/{row.pk}/change/").text
    operator.post(path, {"code": f"code#{begun(operator, path)}"})
    row.refresh_from_db()
    entry = AuditEntry.objects.get(kind="accounts.credential")

    assert (row.state, row.last_error) == ("valid", "")
    assert row.refresh_token == endpoint.oauth.grants[0]["refresh_token"]
    assert {change["field"] for change in entry.changes if change.get("secret")} >= {
        "access_token",
        "refresh_token",
    }
    assert entry.message == "Signed in with a browser."


def test_a_wrong_or_used_code_says_so_and_a_new_address_works(operator: Client, endpoint: Emulator) -> None:
    row = people.make_credential(people.make_domain(), kind="oauth", refresh_token="sk-ant-ort01-old")
    path = f"/admin/accounts/credential/{row.pk}/sign-in/"
    endpoint.oauth._used.add("used")
    refused = operator.post(path, {"code": f"used#{begun(operator, path)}"})

    assert "The code is wrong, was used already or is too old. Open the new address" in refused.text
    response = operator.post(path, {"code": f"fresh#{asked(refused.text)['state'][0]}"})
    assert response.status_code == 302


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "This field is required"),
        ("no-mark", "That is no code#state"),
        ("x#another", "The state is not that"),
    ],
)
def test_what_is_no_code_is_not_sent(operator: Client, endpoint: Emulator, code: str, said: str) -> None:
    row = people.make_credential(people.make_domain(), kind="oauth", refresh_token="sk-ant-ort01-old")
    path = f"/admin/accounts/credential/{row.pk}/sign-in/"
    begun(operator, path)

    assert said in operator.post(path, {"code": code}).text
    assert endpoint.oauth.calls == 0


def test_a_sign_in_ends_with_its_time_its_try_and_its_credential(
    operator: Client, endpoint: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = people.make_domain()
    first, other = (
        people.make_credential(domain, name=name, kind="oauth", refresh_token="sk-ant-ort01-old")
        for name in "ab"
    )
    path = f"/admin/accounts/credential/{first.pk}/sign-in/"
    state = begun(operator, path)
    said = "This sign-in is over"
    assert (
        said in operator.post(f"/admin/accounts/credential/{other.pk}/sign-in/", {"code": f"c#{state}"}).text
    )
    assert said in operator.post(path, {"code": f"c#{state}"}).text
    monkeypatch.setattr(browser_login, "LASTS_SECONDS", -1)
    state = begun(operator, path)

    assert said in operator.post(path, {"code": f"c#{state}"}).text
    assert endpoint.oauth.calls == 0


def test_the_verifier_lies_encrypted_in_the_session(operator: Client) -> None:
    begun(operator, NEW)
    with as_owner():
        kept = Session.objects.get().get_decoded()[browser_login.SESSION_FIELD]

    assert kept.startswith("gAAAA")  # Fernet's


def test_a_name_that_is_taken_and_an_api_key_are_refused(operator: Client, endpoint: Emulator) -> None:
    row = people.make_credential(people.make_domain(), name="team")
    state = begun(operator, NEW)
    refused = operator.post(NEW, {"domain": row.domain_id, "name": "team", "code": f"c#{state}"})

    assert "has a credential of this name" in refused.text
    assert operator.get(f"/admin/accounts/credential/{row.pk}/sign-in/").status_code == 404
    assert endpoint.oauth.calls == 0


def test_it_needs_the_right(client: Client) -> None:
    row = people.make_credential(people.make_domain(), kind="oauth", refresh_token="sk-ant-ort01-old")
    client.force_login(people.reader("carl", "view_figures", is_staff=True))

    assert client.get(NEW).status_code == 403
    assert client.get(f"/admin/accounts/credential/{row.pk}/sign-in/").status_code == 403
    assert Client().get(NEW).status_code == 302
