"""The API's rate-limit headers, as they come with answers to API keys and to OAuth accounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.rate_limits import LONGEST_SECONDS, PREFIX, allowed_again, gauges, used_share

NOW = 1_790_000_000.0
Pairs = list[tuple[bytes, bytes]]


def limits(**values: str) -> Pairs:
    """Headers by the end of their names, `_` for `-`."""
    return [
        (b"Anthropic-RateLimit-" + name.replace("_", "-").encode(), value.encode())
        for name, value in values.items()
    ]


def test_api_keys_are_told_what_is_left_of_each_limit() -> None:
    reset = "2026-09-21T13:33:20Z"
    reported = limits(
        requests_limit="4000", requests_remaining="3000", requests_reset=reset, input_tokens_limit="0",
        input_tokens_remaining="0", output_tokens_remaining="7",
    )  # fmt: skip

    assert gauges(reported) == {"requests": (0.25, 1_789_997_600.0)}


def test_oauth_accounts_are_told_the_use_of_their_windows() -> None:
    reported = limits(
        unified_status="allowed", unified_reset="1790001000", unified_fallback_percentage="0.5",
        unified_5h_status="allowed", unified_5h_utilization="0.37", unified_5h_reset="1790001000",
        unified_7d_utilization="1.02",
    )  # fmt: skip

    assert gauges(reported) == {"unified-5h": (0.37, 1_790_001_000.0), "unified-7d": (1.0, 0.0)}


def test_what_is_no_number_and_no_date_is_not_believed() -> None:
    assert gauges(limits(unified_5h_utilization="much", tokens_remaining="-1", tokens_limit="5")) == {}
    assert gauges(limits(unified_5h_utilization="0.5", unified_5h_reset="soon")) == {"unified-5h": (0.5, 0.0)}


def test_the_fullest_window_counts_until_its_reset() -> None:
    known = {"unified-5h": (0.9, NOW + 10), "unified-7d": (0.4, NOW + 99)}

    assert [used_share(known, moment) for moment in (NOW, NOW + 11, NOW + 100)] == [0.9, 0.4, 0.0]
    assert used_share({}, NOW) == 0


@pytest.mark.parametrize("name", ["unified-overage", "unified-slow-budget", "unified-something-new"])
def test_what_is_used_up_beside_the_windows_chooses_no_credential(name: str) -> None:
    known = {name: (0.99, NOW + 10), "unified-7d_sonnet": (0.2, NOW + 10), "requests": (0.1, NOW + 10)}

    assert used_share(known, NOW) == 0.2


def test_a_window_that_is_full_ends_the_wait_and_not_what_is_bought_beyond_it() -> None:
    reported = limits(
        unified_5h_utilization="1", unified_5h_reset=str(NOW + 60), unified_overage_status="rejected",
        unified_overage_utilization="1", unified_overage_reset=str(NOW + 86_400),
    )  # fmt: skip

    assert allowed_again(reported, NOW, limited=True) == NOW + 60


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([(b"Retry-After", b"17")], 17),
        ([(b"retry-after", b"Mon, 21 Sep 2026 14:14:00 GMT")], 40),
        ([(b"retry-after", b"Mon, 21 Sep 2026 14:14:00 -0000")], 40),
        ([(b"retry-after", b"99999999")], LONGEST_SECONDS),
        ([(b"retry-after", b"0")], None),
        ([(b"retry-after", b"a while")], None),
        ([], None),
        (limits(requests_reset="2026-09-21T14:14:20Z", tokens_reset="2026-09-21T14:13:40"), 20),
        (limits(unified_reset="1790000400", unified_5h_reset="1790000100"), 400),
        (limits(unified_7d_status="rejected", unified_7d_reset="1790000900", unified_reset="1790000400"), 900),
        (limits(unified_overage_status="rejected", unified_reset="1790000400"), 400),
        (limits(tokens_limit="9", tokens_remaining="0", tokens_reset="1790000050", requests_reset="1790000005"), 50),
        (limits(requests_reset="2020-01-01T00:00:00Z"), None),
        ([(b"retry-after", b"3"), *limits(unified_reset="1790000400")], 3),
    ],
)  # fmt: skip
def test_when_the_api_wants_to_be_asked_again(headers: Pairs, seconds: float | None) -> None:
    assert allowed_again(headers, NOW, limited=True) == (None if seconds is None else NOW + seconds)


def test_resets_say_nothing_where_the_answer_is_not_about_a_limit() -> None:
    assert allowed_again(limits(unified_reset="1790000400"), NOW, limited=False) is None
    assert allowed_again([(b"retry-after", b"3")], NOW, limited=False) == NOW + 3


names = st.sampled_from(
    ["unified-5h-utilization", "requests-remaining", "requests-limit", "x-reset", "x-status"]
)
values = st.sampled_from([b"rejected", b"1e9", b"0", b"5", b"\xb2", b"1.5.5", b""]) | st.binary(max_size=12)


@given(st.lists(st.tuples(names.map(lambda name: PREFIX + name.encode()) | st.just(b"retry-after"), values)))
def test_whatever_the_headers_hold_the_answer_is_in_bounds(headers: Pairs) -> None:
    again = allowed_again(headers, NOW, limited=True)

    assert again is None or NOW < again <= NOW + LONGEST_SECONDS
    assert all(0 <= used <= 1 for used, _ in gauges(headers).values())
