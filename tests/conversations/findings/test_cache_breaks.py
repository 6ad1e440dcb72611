"""Usage alone finds a break, what it lost and what that cost."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.findings.cache_breaks import TurnUsage, avoidable_usd, lost
from proxy.wire.messages import read_response
from proxy.wire.price_book import Band, Price, Rates
from proxy.wire.pricing import Terms
from proxy.wire.usage import Usage
from tests import recordings

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
PARENT = TurnUsage("claude-opus-5-5", AT, 5, 80_000, 20_000)
RATES = Rates(*map(Decimal, ("4", "20", "0.2", "5", "8")))
PRICE = Price("p", "claude-opus-5-5", RATES, AT, fast_factor=Decimal(2))
PLAIN = Terms()


def turn(read: int, written: int = 0, fresh: int = 5, one_hour: int = 0) -> TurnUsage:
    return TurnUsage("claude-opus-5-5", AT + timedelta(minutes=1), fresh, read, written, one_hour)


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (100_000, 0),
        (120_000, 0),  # more than the parent had: somebody else cached it
        (95_001, 0),  # under 5 percent
        (95_000, 5_000),
        (14_000, 86_000),
        (0, 100_000),
    ],
)
def test_a_break_is_what_the_parent_had_and_the_turn_did_not_read(read: int, expected: int) -> None:
    assert lost(PARENT, turn(read, 1_000)) == expected


@pytest.mark.parametrize(("read", "expected"), [(977, 0), (976, 1_024), (0, 2_000)])
def test_less_than_1024_tokens_are_no_break(read: int, expected: int) -> None:
    assert lost(replace(PARENT, cache_read_tokens=0, cache_write_tokens=2_000), turn(read)) == expected


def test_the_first_turn_after_a_compaction_and_one_without_usage_are_none() -> None:
    assert lost(PARENT, turn(0, 9_000), reset=True) == 0
    assert lost(PARENT, turn(0, 0, fresh=0)) == 0
    assert lost(turn(0, 0, fresh=900), turn(0, 9_000)) == 0


def test_avoidable_is_what_was_written_again_less_what_reading_costs() -> None:
    # 40,000 tokens at 5 - 0.20 USD per million.
    assert avoidable_usd(40_000, turn(60_000, 45_000), PRICE, PLAIN) == Decimal("0.192")


def test_tokens_that_the_turn_no_longer_holds_cost_nothing() -> None:
    assert avoidable_usd(90_000, turn(10_000, 30_000, fresh=0), PRICE, PLAIN) == Decimal("0.144")


def test_what_was_not_even_written_costs_input_less_what_reading_costs() -> None:
    assert avoidable_usd(50_000, turn(0, 0, fresh=60_000), PRICE, PLAIN) == Decimal("0.19")
    # 10,000 written and 40,000 as input.
    assert avoidable_usd(50_000, turn(0, 10_000, fresh=60_000), PRICE, PLAIN) == Decimal("0.2")


def test_writes_for_an_hour_and_fast_mode_have_their_own_prices() -> None:
    half = turn(0, 40_000, one_hour=20_000)

    assert avoidable_usd(40_000, half, PRICE, PLAIN) == Decimal("0.252")
    assert avoidable_usd(40_000, half, PRICE, Terms(fast=True)) == Decimal("0.504")


def test_a_large_prompt_has_the_prices_of_its_band() -> None:
    dearer = Band(100_000, Rates(*(rate * 5 for rate in RATES if rate is not None)))
    price = replace(PRICE, band=dearer)

    assert avoidable_usd(1_000, turn(0, 99_000), price, PLAIN) == Decimal("0.0048")
    assert avoidable_usd(1_000, turn(0, 101_000), price, PLAIN) == Decimal("0.024")


def test_without_a_rate_nobody_knows() -> None:
    assert (
        avoidable_usd(40_000, turn(0, 45_000), replace(PRICE, rates=RATES._replace(cache_read=None)), PLAIN)
        is None
    )
    assert avoidable_usd(40_000, turn(0, 45_000), replace(PRICE, fast_factor=None), Terms(fast=True)) is None


COUNTS = st.integers(0, 10**6)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_avoidable_is_never_more_than_lost_tokens_at_the_dearest_rate(
    tokens: int, read: int, written: int, fresh: int
) -> None:
    found = avoidable_usd(tokens, turn(read, written, fresh), PRICE, PLAIN)

    assert found is not None
    assert 0 <= found <= min(tokens, written + fresh) * Decimal("4.8") / 10**6


def usage_of(path: Path) -> Usage | None:
    response = json.loads(path.read_text())["response"]
    content_type = response["headers"].get("content-type", "")
    return read_response(response["status"], content_type, base64.b64decode(response["body_b64"])).usage


def recorded_pairs() -> list[tuple[Path, Path]]:
    """Exchanges of real conversations, each with the one that it continues."""
    continued = ((path, json.loads(path.read_text())["sequence"]["continues"]) for path in recordings.FILES)
    return [(recordings.FOLDER / name, path) for path, name in continued if name]


def counted(usage: Usage) -> TurnUsage:
    return TurnUsage("", AT, usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens)


@pytest.mark.skipif(not recordings.FILES, reason=recordings.MISSING)
def test_recorded_conversations_that_went_on_have_no_break_and_read_exactly_what_was_cached() -> None:
    usages = [(usage_of(parent), usage_of(path)) for parent, path in recorded_pairs()]
    pairs = [(counted(old), counted(new)) for old, new in usages if old and new]

    assert [lost(old, new) for old, new in pairs] == [0] * len(pairs)
    assert [new.cache_read_tokens for old, new in pairs if old.cached_tokens] == [
        old.cached_tokens for old, _ in pairs if old.cached_tokens
    ]
    assert sum(bool(old.cached_tokens) for old, _ in pairs) >= 3
