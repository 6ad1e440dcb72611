"""When a window will be full: only where the samples say so, and never past its reset."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.queries.window_forecast import LOOKBACKS, Sample, full_at, lookback_of

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
HOUR = LOOKBACKS["5h"]
RESET = NOW + timedelta(hours=4)


def rising(
    used: float, per_hour: float, *, resets_at: datetime | None = RESET, count: int = 12
) -> list[Sample]:
    """A sample every five minutes up to now, along a line that ends at `used`."""
    moments = [NOW - timedelta(minutes=5 * index) for index in range(count)]
    return [Sample(at, used - per_hour * (NOW - at) / timedelta(hours=1), resets_at) for at in moments]


def test_a_window_that_fills_evenly_is_full_when_the_line_says() -> None:
    found = full_at(rising(0.5, 0.3), NOW, HOUR)

    assert found is not None
    assert abs(found - (NOW + timedelta(hours=0.5 / 0.3))) < timedelta(seconds=1)


@pytest.mark.parametrize(
    "samples",
    [
        [],
        rising(0.5, 0.3, count=2),
        rising(0.5, 0.0),
        rising(0.5, -0.2),
        rising(0.5, 0.1),  # not before its reset
        rising(0.5, 0.3, resets_at=None),
        rising(0.5, 0.3, resets_at=NOW - timedelta(minutes=1)),
        [Sample(sample.at - timedelta(minutes=31), sample.used, RESET) for sample in rising(0.5, 0.3)],
    ],
    ids=["nothing", "too few", "level", "falling", "too slow", "no reset", "reset since", "old"],
)
def test_nobody_is_told_what_the_samples_do_not_say(samples: list[Sample]) -> None:
    assert full_at(samples, NOW, HOUR) is None


def test_samples_of_the_window_before_do_not_count() -> None:
    former = [
        Sample(NOW - timedelta(minutes=45 - 5 * index), 0.9, NOW - timedelta(minutes=20))
        for index in range(5)
    ]

    found = full_at([*former, *rising(0.3, 0.6, count=4)], NOW, HOUR)

    assert found is not None
    assert abs(found - (NOW + timedelta(hours=0.7 / 0.6))) < timedelta(seconds=1)


def test_a_full_window_is_full_now() -> None:
    assert full_at([Sample(NOW, 1.0, RESET)], NOW, HOUR) == NOW


@pytest.mark.parametrize(("window", "hours"), [("5h", 1), ("7d", 24), ("7d_opus", 24), ("requests", 1)])
def test_a_long_window_is_judged_by_a_longer_stretch(window: str, hours: int) -> None:
    assert lookback_of(window) == timedelta(hours=hours)


SAMPLES = st.lists(
    st.builds(
        Sample,
        st.integers(-7200, 600).map(lambda seconds: NOW + timedelta(seconds=seconds)),
        st.floats(0, 1),
        st.one_of(
            st.none(), st.integers(-3600, 7 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds))
        ),
    ),
    max_size=40,
)


@given(SAMPLES)
def test_a_forecast_is_never_in_the_past_nor_past_the_reset(samples: list[Sample]) -> None:
    found = full_at(samples, NOW, HOUR)

    resets = [sample.resets_at for sample in samples if sample.resets_at]
    assert found is None or (resets and NOW <= found < max(resets))


@given(SAMPLES, st.randoms())
def test_the_order_of_the_samples_says_nothing(samples: list[Sample], random: object) -> None:
    unique = list({sample.at: sample for sample in samples}.values())
    shuffled = sorted(unique, key=lambda sample: hash((str(random), sample.at)))

    assert full_at(shuffled, NOW, HOUR) == full_at(unique, NOW, HOUR)


@given(st.floats(0.05, 0.95), st.floats(0.3, 2))
def test_what_fills_faster_is_full_no_later(used: float, per_hour: float) -> None:
    far = NOW + timedelta(days=7)
    slow = full_at(rising(used, per_hour, resets_at=far), NOW, HOUR)
    fast = full_at(rising(used, per_hour * 1.5, resets_at=far), NOW, HOUR)

    assert slow is not None
    assert fast is not None
    assert fast < slow
