"""Operators manage access and prices; a secret goes in and never comes out."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.access import keys
from accounts.admin.registered import CredentialAdmin
from accounts.fields import UnreadableSecret
from accounts.models import ClientKey, Domain
from tests import people

pytestmark = pytest.mark.django_db
SECRET = "sk-ant-api03-a-secret-that-nobody-reads-1234"
NO_LIMIT = {"limit-TOTAL_FORMS": 0, "limit-INITIAL_FORMS": 0}
WEBHOOK = "https://hooks.slack.com/services/T000/B000/secretpart5678"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


def form(credentials: int = 0, new_keys: int = 0, **fields: Any) -> dict[str, Any]:
    """The domain page's form as a browser sends it."""
    management = {
        "credentials-TOTAL_FORMS": credentials,
        "credentials-INITIAL_FORMS": fields.pop("known_credentials", 0),
        "client_keys-TOTAL_FORMS": new_keys,
        "client_keys-INITIAL_FORMS": fields.pop("known_keys", 0),
        **NO_LIMIT,
    }
    return {"name": "api.example.com", "slack_enabled": "on"} | management | fields


def new_credential(**fields: Any) -> dict[str, Any]:
    values = {"name": "team", "kind": "api_key", "enabled": "on", "scopes": "[]", "api_key": SECRET} | fields
    return {f"credentials-0-{name}": value for name, value in values.items()}


def test_a_secret_goes_in_and_never_comes_out(operator: Client) -> None:
    response = operator.post(
        "/admin/accounts/domain/add/",
        form(credentials=1, slack_webhook_url=WEBHOOK, **new_credential()),
        follow=True,
    )

    domain = Domain.objects.get()
    credential = domain.credentials.get()
    paths = ["domain/", f"domain/{domain.pk}/change/", "credential/", f"credential/{credential.pk}/change/"]
    pages = [operator.get(f"/admin/accounts/{path}").content.decode() for path in paths]
    assert response.status_code == 200
    assert (credential.api_key, domain.slack_webhook_url) == (SECRET, WEBHOOK)
    for page in [
        *pages,
        response.content.decode(),
        operator.get(f"/admin/accounts/domain/{domain.pk}/history/").content.decode(),
    ]:
        assert SECRET not in page
        assert "secretpart" not in page
    assert "…1234" in pages[3]


def test_an_empty_input_keeps_the_secret(operator: Client) -> None:
    credential = people.make_credential(people.make_domain(), api_key=SECRET)

    operator.post(
        f"/admin/accounts/credential/{credential.pk}/change/",
        {"domain": credential.domain_id, "name": "renamed", "kind": "api_key", "scopes": "[]", "api_key": ""},
    )

    credential.refresh_from_db()
    assert (credential.name, credential.api_key) == ("renamed", SECRET)


def test_a_new_value_replaces_the_secret(operator: Client) -> None:
    credential = people.make_credential(people.make_domain(), api_key="sk-ant-api03-old")

    operator.post(
        f"/admin/accounts/credential/{credential.pk}/change/",
        {
            "domain": credential.domain_id,
            "name": "team",
            "kind": "api_key",
            "scopes": "[]",
            "api_key": SECRET,
        },
    )

    credential.refresh_from_db()
    assert credential.api_key == SECRET


def test_a_hyphen_removes_the_secret(operator: Client) -> None:
    domain = people.make_domain(slack_webhook_url=WEBHOOK)

    operator.post(f"/admin/accounts/domain/{domain.pk}/change/", form(slack_webhook_url="-"))

    domain.refresh_from_db()
    assert domain.slack_webhook_url == ""


def test_secret_inputs_are_empty_password_fields(operator: Client) -> None:
    credential = people.make_credential(people.make_domain(), api_key=SECRET)

    page = operator.get(f"/admin/accounts/credential/{credential.pk}/change/").content.decode()

    inputs = re.findall(r'<input type="password"[^>]*>', page)
    assert len(inputs) == 3
    assert not [found for found in inputs if "value=" in found]


@pytest.mark.parametrize(
    ("fields", "reported"),
    [
        (new_credential(api_key=""), "An API key credential needs its key"),
        (new_credential(kind="oauth", api_key=""), "OAuth needs an access token"),
        ({"slack_webhook_url": "http://hooks.slack.com/x"}, "starts with https://"),
        ({"name": "Upper.Example"}, "Write it as upper.example"),
        ({"name": "../etc"}, "Give a host name"),
    ],
)
def test_a_mistake_is_explained_and_nothing_is_saved(
    operator: Client, fields: dict[str, Any], reported: str
) -> None:
    data = form(credentials=int("credentials-0-name" in fields)) | fields

    page = operator.post("/admin/accounts/domain/add/", data).content.decode()

    assert reported in page
    assert not Domain.objects.exists()


def test_a_client_key_is_shown_once(operator: Client) -> None:
    data = form(new_keys=1) | {"client_keys-0-name": "ci", "client_keys-0-owner": "platform"}

    response = operator.post("/admin/accounts/domain/add/", data)

    (shown,) = re.findall(r"cnp_live_[\w-]+", response.content.decode())
    key = ClientKey.objects.get()
    assert key.digest == keys.digest(shown)
    assert "no-store" in response.headers["Cache-Control"]
    assert shown not in str(response.cookies)
    again = operator.get(f"/admin/accounts/domain/{key.domain_id}/change/").content.decode()
    assert shown not in again
    assert f"…{shown[-4:]}" in again


def test_a_client_key_can_be_made_on_its_own_page(operator: Client) -> None:
    domain = people.make_domain()

    response = operator.post("/admin/accounts/clientkey/add/", {"domain": domain.pk, "name": "ci"} | NO_LIMIT)

    assert (
        keys.digest(re.findall(r"cnp_live_[\w-]+", response.content.decode())[0])
        == ClientKey.objects.get().digest
    )


@pytest.mark.parametrize("path", ["clientkey", "domain"])
def test_changing_a_key_makes_no_new_one(operator: Client, path: str) -> None:
    domain = people.make_domain()
    key = ClientKey(domain=domain, name="ci")
    key.issue()
    before = key.digest
    row = {"client_keys-0-id": key.pk, "client_keys-0-domain": domain.pk, "client_keys-0-name": "new"}
    forms = {
        "clientkey": (f"clientkey/{key.pk}/change/", {"domain": domain.pk, "name": "new"} | NO_LIMIT),
        "domain": (f"domain/{domain.pk}/change/", form(new_keys=1, known_keys=1) | row),
    }

    response = operator.post(f"/admin/accounts/{forms[path][0]}", forms[path][1])

    key.refresh_from_db()
    assert response.status_code == 302
    assert (key.name, key.digest) == ("new", before)


def test_prices_can_be_edited_and_exchanges_cannot(operator: Client) -> None:
    people.make_price()

    index = operator.get("/admin/").content.decode()

    assert "/admin/proxy/price/" in index
    assert "exchange" not in index.lower()
    assert b"claude-sonnet-4-5" in operator.get("/admin/proxy/price/").content


def test_the_admin_leads_back_to_the_dashboard(operator: Client) -> None:
    assert b'href="/dashboard"' in operator.get("/admin/").content


@pytest.mark.parametrize(
    "path", ["", "accounts/domain/", "accounts/domain/add/", "accounts/clientkey/add/", "proxy/price/add/"]
)
def test_the_admin_keeps_the_strict_policy(operator: Client, path: str) -> None:
    response = operator.get(f"/admin/{path}")

    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert b" style=" not in response.content
    assert b" onclick=" not in response.content


def test_a_secret_that_no_key_decrypts_says_what_to_do(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> object:
        raise UnreadableSecret("x")

    monkeypatch.setattr(CredentialAdmin, "get_changelist_instance", fail)

    response = operator.get("/admin/accounts/credential/")

    assert response.status_code == 503
    assert b"FIELD_ENCRYPTION_KEYS" in response.content


def test_the_key_of_the_dashboard_opens_no_admin(signed_in: Client) -> None:
    assert signed_in.get("/admin/").status_code == 302
