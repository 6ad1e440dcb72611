"""Where operators set limits and see how much of them is used."""

import json
import time
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.access.limits import redis_key, spent_key
from accounts.models.limits import Limit
from tests.accounts.people import make_client_key, make_limit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


def printed(*arguments: str) -> str:
    call_command("limits", *arguments, stdout=(said := StringIO()))
    return said.getvalue()


@pytest.mark.usefixtures("used")
def test_the_api_tells_each_limit_exactly(program: Client) -> None:
    asked_at = datetime.now(UTC)

    found = program.get("/api/limits").json()

    resets = {(limit["scope"], limit["kind"]): limit.pop("resetsAt") for limit in found["limits"]}
    assert {name: found[name] for name in found if name != "limits"} == {
        "redisAnswers": True,
        "unchecked": 0,
        "uncheckedAt": None,
    }
    assert found["limits"][0] == {
        "scope": "organisation",
        "of": "the organisation",
        "kind": "usd_per_day",
        "unit": "usd",
        "most": "10",
        "used": "2.5",
        "reserved": "0.5",
        "share": 0.3,
    }
    a = "domain:a.example"
    assert [
        (limit["scope"], limit["kind"], limit["unit"], limit["used"], limit["most"])
        for limit in found["limits"][1:]
    ] == [
        (a, "requests_per_minute", "requests", "30", "60"),
        (a, "tokens_per_minute", "tokens", "0", "1000"),
        (a, "concurrent_streams", "streams", "1", "4"),
        (a, "usd_per_week", "usd", None, "5"),
    ]
    midnight = datetime.combine(asked_at.date() + timedelta(days=1), datetime.min.time(), UTC)
    assert datetime.fromisoformat(resets["organisation", "usd_per_day"]) == midnight
    full = datetime.fromisoformat(resets[a, "requests_per_minute"]) - asked_at
    assert full.total_seconds() == pytest.approx(30, abs=3)
    assert resets[a, "tokens_per_minute"] is None  # nothing of it is used
    assert resets[a, "concurrent_streams"] is None  # one of it is, and no moment is known


def test_a_millionth_of_a_dollar_is_told_as_it_is(program: Client, store: redis.Redis) -> None:
    make_limit(usd_per_day="999999.99")
    store.set(spent_key("organisation", "day", datetime.now(UTC).date()), 123_456_789_012)
    store.hset(redis_key("organisation", "amounts"), "total", 1)

    [limit] = program.get("/api/limits").json()["limits"]

    assert (limit["used"], limit["reserved"], limit["most"]) == ("123456.789012", "0.000001", "999999.99")


def test_the_api_of_limits_is_closed_to_strangers() -> None:
    assert Client().get("/api/limits").status_code == 401
    assert Client(headers={"X-API-Key": "wrong"}).get("/api/limits").status_code == 403


@pytest.mark.usefixtures("used")
def test_the_command_says_the_same() -> None:
    assert printed().splitlines() == [
        "the organisation: 2.5 and 0.5 reserved of 10 USD per day",
        "domain a.example: 30 of 60 requests per minute",
        "domain a.example: 0 of 1000 tokens per minute",
        "domain a.example: 1 of 4 at a time",
        "domain a.example: unknown of 5 USD per week",
    ]
    found = json.loads(printed("--json"))
    assert found["limits"][0] == {
        "of": "the organisation",
        "limit": "USD per day",
        "unit": "usd",
        "used": 2.5,
        "most": 10.0,
        "reserved": 0.5,
        "share": 0.3,
    }
    assert (found["redis_answers"], found["unchecked"], found["unchecked_at"]) == (True, 0, None)


def test_without_limits_page_and_command_say_where_to_set_them(signed_in: Client) -> None:
    assert "No limits" in signed_in.get("/dashboard/limits").content.decode()
    assert "Set them in the admin" in printed()


@pytest.mark.parametrize(("seconds", "shown"), [(60, True), (2 * 24 * 3600, False)])
def test_what_passed_unchecked_is_told_for_a_day(
    signed_in: Client, program: Client, store: redis.Redis, seconds: int, shown: bool
) -> None:
    make_limit(usd_per_day=0)
    store.hset("nexus:limits:unchecked", mapping={"count": 3, "at": round(time.time()) - seconds})

    overview = signed_in.get("/dashboard").content.decode()

    assert ("Limits were not checked</strong> for 3 requests" in overview) is shown
    assert "3 requests passed unchecked" in signed_in.get("/dashboard/limits").content.decode()
    assert "3 requests passed unchecked" in printed()
    assert json.loads(printed("--json"))["unchecked"] == program.get("/api/limits").json()["unchecked"] == 3


@pytest.mark.usefixtures("used")
def test_without_redis_the_limits_are_shown_and_their_use_is_unknown(
    signed_in: Client, program: Client, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    reported = program.get("/api/limits").json()
    assert (reported["redisAnswers"], {limit["used"] for limit in reported["limits"]}) == (False, {None})

    page = signed_in.get("/dashboard/limits").content.decode()

    assert "Redis does not answer" in page
    assert '<td class="number">$10.00</td>' in page
    assert "Limits were not checked" not in signed_in.get("/dashboard").content.decode()
    with pytest.raises(CommandError, match="Redis does not answer"):
        printed()


def limit_form(**fields: Any) -> dict[str, Any]:
    return {f"limit-0-{name}": value for name, value in fields.items()}


def test_an_operator_sets_the_organisations_limit_once(operator: Client) -> None:
    address = "/admin/accounts/limit/add/"
    operator.post(address, {"usd_per_month": "100.50", "requests_per_minute": 60})

    again = operator.post(address, {"usd_per_month": "5"}).content.decode()

    limit = Limit.objects.get()
    assert (str(limit.usd_per_month), limit.requests_per_minute, limit.domain) == ("100.50", 60, None)
    assert "There is a limit of this already" in again
    assert "the organisation" in operator.get("/admin/accounts/limit/").content.decode()


def test_a_limit_of_both_is_refused(operator: Client) -> None:
    key, _ = make_client_key()

    response = operator.post(
        "/admin/accounts/limit/add/", {"domain": key.domain_id, "client_key": key.pk, "usd_per_day": 1}
    )

    assert "Choose a domain or a client key, not both" in response.content.decode()


def test_limits_of_revoked_keys_are_on_no_page_and_in_no_answer(operator: Client, program: Client) -> None:
    for name, revoked_at in (("in-use", None), ("given-back", timezone.now())):
        key, _ = make_client_key(name=name, revoked_at=revoked_at)
        make_limit(client_key=key, requests_per_minute=3)

    shown = [
        operator.get("/dashboard/limits").content.decode(),
        operator.get("/admin/accounts/limit/").content.decode(),
        program.get("/api/limits").content.decode(),
        printed(),
        printed("--json"),
    ]

    assert all("in-use" in text and "given-back" not in text for text in shown)


def test_a_client_keys_page_has_its_limit(operator: Client) -> None:
    key, _ = make_client_key(name="ci")
    management = {"limit-TOTAL_FORMS": 1, "limit-INITIAL_FORMS": 0}

    operator.post(
        f"/admin/accounts/clientkey/{key.pk}/change/",
        {
            "domain": key.domain_id,
            "name": "ci",
            **management,
            **limit_form(tokens_per_minute=9, client_key=key.pk),
        },
    )

    assert Limit.objects.get().rule().scope == f"key:{key.pk}"
    assert "client key “ci” of a.example" in operator.get("/admin/accounts/limit/").content.decode()
