"""The list of credentials tells how each fares, and operators act on it; no secret is ever shown."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.credentials import health as credential_health
from accounts.credentials.state import State
from accounts.models import ClientKey, Credential, Domain
from nexus_project.demo.emulator import Emulator
from tests import people

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/credential/"
CANARY = "canary-in-a-coal-mine-0000-wxyz"
OTHER_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MTE="


@pytest.fixture
def pair() -> Credential:
    return make_pair(people.make_domain())


def make_pair(domain: Domain, **fields: Any) -> Credential:
    values = {
        "kind": "oauth",
        "api_key": "",
        "access_token": "sk-ant-oat01-old-one",
        "refresh_token": "sk-ant-ort01-old",
    }
    ends = timezone.now().replace(microsecond=0) + timedelta(hours=5)
    return people.make_credential(domain, **(values | {"expires_at": ends} | fields))


def report(credential: Credential, **fields: str | float) -> None:
    """What a proxy process would tell of a credential."""
    name = credential_health.name_of(f"database:{credential.pk}")
    for field, value in fields.items():
        credential_health.connection().hset(name, field, str(value))
    credential_health.connection().expire(name, 60)


def act(browser: Client, action: str, *rows: Credential) -> str:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return browser.post(LIST, data, follow=True).content.decode()


def form_of(row: Credential, **typed: Any) -> dict[str, Any]:
    """The page's form as a browser sends it, with what a person typed."""
    shown = timezone.localtime(row.expires_at)
    end = {"expires_at_0": f"{shown:%Y-%m-%d}", "expires_at_1": f"{shown:%H:%M:%S}"}
    was = {f"initial-{name}": value for name, value in end.items()}
    return {
        "domain": row.domain_id,
        "name": row.name,
        "kind": row.kind,
        "enabled": "on",
        **end,
        **was,
        **typed,
    }


def test_the_list_tells_how_each_credential_fares(operator: Client) -> None:
    row = people.make_credential(people.make_domain())
    report(
        row,
        cooling_until=time.time() + 600,
        cooling_reason="rate limit of the 5 hour window",
        gauges=json.dumps({"unified-5h": [0.93, time.time() + 600], "unified-7d": [0.25, 0]}),
        used_at=time.time(),
        error="429 with sk-ant-api03-leaked-by-mistake",
        error_at=time.time(),
    )

    response = operator.get(LIST)
    page = response.content.decode()

    assert 'class="state state-cooling-down"' in page
    assert "rate limit of the 5 hour window" in page
    assert 'aria-label="93% used"' in page
    assert 'class="bar-nearly" width="56"' in page
    assert "…0001" in page
    assert "leaked-by-mistake" not in page
    assert " style=" not in page
    assert "unsafe" not in response.headers["Content-Security-Policy"]


def test_without_redis_the_list_is_shown(operator: Client, settings: LazySettings) -> None:
    people.make_credential(people.make_domain())
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert 'class="state state-untested"' in operator.get(LIST).content.decode()


def test_an_unreadable_secret_spoils_only_its_own_line(operator: Client, settings: LazySettings) -> None:
    domain = people.make_domain()
    people.make_credential(domain, name="lost")
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]
    people.make_credential(domain, name="good")

    page = operator.get(LIST).content.decode()

    assert 'class="state state-untested"' in page
    assert 'class="state state-invalid"' in page
    assert "FIELD_ENCRYPTION_KEYS" in page


def test_tokens_are_refreshed_on_demand(operator: Client, endpoint: Emulator, pair: Credential) -> None:
    page = act(operator, "refresh_now", pair)

    pair.refresh_from_db()
    assert pair.access_token == endpoint.oauth.grants[0]["access_token"]
    assert pair.access_token not in page
    assert "Refreshed the tokens." in page
    assert LogEntry.objects.get().change_message == "Refreshed the tokens."


def test_what_cannot_be_refreshed_says_why(operator: Client, settings: LazySettings) -> None:
    domain = people.make_domain()
    key = people.make_credential(domain)
    lost = make_pair(domain, name="lost")
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]

    page = act(operator, "refresh_now", key, lost)

    assert "it has no refresh token" in page
    assert "put the key that wrote it back" in page


def test_credentials_are_switched_off_and_on(operator: Client, pair: Credential) -> None:
    act(operator, "disable", pair)
    off = Credential.objects.get().enabled
    act(operator, "enable", pair)

    assert (off, Credential.objects.get().enabled) == (False, True)
    assert set(LogEntry.objects.values_list("change_message", flat=True)) == {"Disabled.", "Enabled."}


def test_a_cool_down_is_ended(operator: Client, pair: Credential) -> None:
    report(pair, cooling_until=time.time() + 600, cooling_reason="429")

    page = act(operator, "reset_cool_down", pair)

    assert "Ended the cool-down." in page
    assert "state-cooling-down" not in page
    assert LogEntry.objects.get().change_message == "Ended the cool-down."


def test_a_credential_is_tested_against_the_api(
    operator: Client, endpoint: Emulator, settings: LazySettings, pair: Credential
) -> None:
    settings.CLAUDE_API_BASE_URL = settings.CLAUDE_OAUTH_TOKEN_URL.removesuffix("/v1/oauth/token")
    Credential.objects.update(expires_at=timezone.now() + timedelta(hours=1))

    good = act(operator, "test", pair)
    settings.CLAUDE_API_BASE_URL = "http://127.0.0.1:1"
    bad = act(operator, "test", pair)

    assert "Tested: the API takes it." in good
    assert "did not answer" in bad
    assert {entry.change_message for entry in LogEntry.objects.all()} >= {"Tested: the API takes it."}


def test_a_cool_down_that_cannot_be_ended_says_so(
    operator: Client, pair: Credential, settings: LazySettings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert "Redis does not answer" in act(operator, "reset_cool_down", pair)


def test_new_tokens_end_the_wait_for_a_login(operator: Client) -> None:
    row = make_pair(people.make_domain(), state="needs_login", last_error="answered 400")

    operator.post(f"{LIST}{row.pk}/change/", form_of(row, refresh_token="sk-ant-ort01-new"))

    row.refresh_from_db()
    assert (row.state, row.last_error, row.refresh_token) == ("valid", "", "sk-ant-ort01-new")


@pytest.mark.parametrize("typed", [{}, {"refresh_token": "-"}])
def test_without_new_tokens_it_still_waits(operator: Client, typed: dict[str, str]) -> None:
    row = make_pair(people.make_domain(), state="needs_login")

    operator.post(f"{LIST}{row.pk}/change/", form_of(row, name="renamed", **typed))

    row.refresh_from_db()
    assert (row.state, row.name) == ("needs_login", "renamed")


@pytest.mark.parametrize("inline", [False, True])
def test_a_pair_that_was_refreshed_meanwhile_stays(operator: Client, pair: Credential, inline: bool) -> None:
    data, path = form_of(pair, name="renamed"), f"{LIST}{pair.pk}/change/"
    if inline:
        path = f"/admin/accounts/domain/{pair.domain_id}/change/"
        data = {f"initial-credentials-0-{n[8:]}" if n.startswith("initial-") else f"credentials-0-{n}": v
                for n, v in data.items()}  # fmt: skip
        data |= {"name": "api.example.com", "slack_enabled": "on", "credentials-0-id": pair.pk}
        data |= {"credentials-TOTAL_FORMS": 1, "credentials-INITIAL_FORMS": 1}
        data |= {"client_keys-TOTAL_FORMS": 0, "client_keys-INITIAL_FORMS": 0}
        data |= {"limit-TOTAL_FORMS": 0, "limit-INITIAL_FORMS": 0}
    later = timezone.now().replace(microsecond=0) + timedelta(hours=8)
    Credential.objects.get().save_tokens("sk-ant-oat01-new", "sk-ant-ort01-new", later, [])

    operator.post(path, data)

    row = Credential.objects.get()
    assert (row.name, row.access_token, row.expires_at) == ("renamed", "sk-ant-oat01-new", later)


def test_a_save_writes_only_what_was_changed(operator: Client, pair: Credential) -> None:
    """A refresh between reading and writing: the statement names no token."""
    with CaptureQueriesContext(connection) as queries:
        operator.post(f"{LIST}{pair.pk}/change/", form_of(pair, name="renamed"))

    (update,) = [found["sql"] for found in queries if found["sql"].startswith('UPDATE "accounts_credential"')]
    assert "token" not in update
    assert "expires_at" not in update


def test_no_page_of_the_admin_shows_a_secret(operator: Client, endpoint: Emulator) -> None:
    domain = people.make_domain(slack_webhook_url=f"https://hooks.example/{CANARY}")
    secrets = dict.fromkeys(("api_key", "access_token", "refresh_token"), f"sk-ant-{CANARY}")
    row = make_pair(domain, **secrets)
    key = ClientKey(domain=domain, name="ci")
    issued = key.issue()
    report(
        row,
        error=f"refused sk-ant-{CANARY}",
        cooling_reason=f"Bearer {CANARY}",
        cooling_until=time.time() + 60,
    )
    operator.post(f"{LIST}{row.pk}/change/", form_of(row, **secrets))
    rejected = operator.post(f"{LIST}{row.pk}/change/", form_of(row, **secrets, name=""))

    pages = [rejected.content.decode(), operator.get("/admin/").content.decode()]
    for kind, pk in (("domain", domain.pk), ("credential", row.pk), ("clientkey", key.pk)):
        for path in ("", f"{pk}/change/", f"{pk}/history/", f"{pk}/delete/", "add/"):
            response = operator.get(f"/admin/accounts/{kind}/{path}")
            # A client key is revoked and never deleted.
            assert response.status_code == (403 if (kind, path) == ("clientkey", f"{pk}/delete/") else 200)
            pages.append(response.content.decode())
    actions = ("refresh_now", "disable", "enable", "reset_cool_down", "delete_selected")
    pages += [act(operator, action, row) for action in actions]
    pages += [str(reported) for reported in LogEntry.objects.values_list("object_repr", "change_message")]

    assert len(pages) > 20
    for page in pages:
        assert "canary-in" not in page
        assert issued not in page


def names_in(browser: Client, state: str) -> set[str]:
    changes = browser.get(f"{LIST}?state={state}").context["cl"]
    return {row.name for row in changes.result_list}


def test_the_filter_by_state_agrees_with_the_state_that_is_shown(
    operator: Client, settings: LazySettings
) -> None:
    domain, now = people.make_domain(), timezone.now()
    people.make_credential(domain, name="lost")
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]
    report(
        people.make_credential(domain, name="limited"), cooling_until=time.time() + 60, cooling_reason="429"
    )
    people.make_credential(domain, name="off", enabled=False)
    report(people.make_credential(domain, name="fine"), used_at=time.time())
    people.make_credential(domain, name="new")
    make_pair(domain, name="soon", expires_at=now + timedelta(minutes=5))
    make_pair(domain, name="busy", refreshing_since=now)
    make_pair(domain, name="refused", state="needs_login")
    make_pair(domain, name="ended", refresh_token="", expires_at=now - timedelta(minutes=5))

    found = {state.name: names_in(operator, state.name.lower()) for state in State}

    assert found == {
        "DISABLED": {"off"},
        "INVALID": {"lost"},
        "NEEDS_LOGIN": {"refused", "ended"},
        "REFRESHING": {"busy"},
        "COOLING": {"limited"},
        "EXPIRING": {"soon"},
        "UNTESTED": {"new"},
        "VALID": {"fine"},
    }
