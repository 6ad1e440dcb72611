"""The history of windows: what responses say, once in five minutes, in a ring."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.store.models import Exchange, WindowSample
from proxy.store.sums.window_samples import KEPT, PLACES, STEP, note, place_of
from tests import people

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 14, 1, tzinfo=UTC)
RESET = datetime(2026, 11, 20, 16, tzinfo=UTC)


def headers(five_hours: float, **others: str) -> list[tuple[str, str]]:
    return [
        ("Anthropic-Ratelimit-Unified-5h-Utilization", str(five_hours)),
        ("anthropic-ratelimit-unified-5h-reset", str(int(RESET.timestamp()))),
        *((name.replace("_", "-"), value) for name, value in others.items()),
    ]


def paid(at: datetime = AT, account: str = "team") -> Exchange:
    return Exchange(id=people.make_id(at), account=account, started_at=at, first_byte_ms=500)


def kept() -> list[tuple[str, str, float]]:
    return list(WindowSample.objects.order_by("account", "name", "at").values_list("account", "name", "used"))


def test_the_last_response_of_five_minutes_is_kept() -> None:
    note([(paid(AT + timedelta(minutes=2)), headers(0.42)), (paid(AT), headers(0.40))])
    note([(paid(AT + timedelta(minutes=1)), headers(0.41))])
    note([(paid(AT + STEP), headers(0.50))])

    assert kept() == [("team", "unified-5h", 0.42), ("team", "unified-5h", 0.5)]
    first = WindowSample.objects.order_by("at").first()
    assert first is not None
    assert (first.at, first.resets_at) == (AT + timedelta(minutes=2, milliseconds=500), RESET)


def test_windows_of_models_are_kept_and_the_minutes_of_api_keys_are_not() -> None:
    more = {
        "anthropic_ratelimit_unified_7d_opus_utilization": "0.9",
        "anthropic_ratelimit_requests_limit": "100",
        "anthropic_ratelimit_requests_remaining": "50",
        "anthropic_ratelimit_unified_overage_utilization": "0.3",
    }

    note([(paid(), [(name.replace("7d-opus", "7d_opus"), value) for name, value in headers(0.4, **more)])])

    assert kept() == [("team", "unified-5h", 0.4), ("team", "unified-7d_opus", 0.9)]


def test_what_clients_paid_themselves_has_no_windows_of_an_operator() -> None:
    note([(paid(account=""), headers(0.4))])

    assert kept() == []


def test_eight_days_later_the_same_place_is_written_over() -> None:
    note([(paid(), headers(0.4))])
    note([(paid(AT + KEPT), headers(0.7))])

    assert place_of(AT) == place_of(AT + KEPT)
    assert {place_of(AT + index * STEP) for index in range(PLACES)} == set(range(PLACES))
    assert kept() == [("team", "unified-5h", 0.7)]


def test_a_response_of_long_ago_does_not_take_a_newer_place() -> None:
    note([(paid(AT + KEPT), headers(0.7))])
    note([(paid(), headers(0.4))])

    assert kept() == [("team", "unified-5h", 0.7)]


@pytest.mark.parametrize("reset", ["1" * 19, "never", ""])
def test_a_reset_that_no_calendar_has_is_none(reset: str) -> None:
    said = [
        ("anthropic-ratelimit-unified-5h-utilization", "0.4"),
        ("anthropic-ratelimit-unified-5h-reset", reset),
    ]

    note([(paid(), said)])

    assert WindowSample.objects.get().resets_at is None
