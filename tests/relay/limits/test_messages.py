"""What the answer of a limit tells: which one, and how long to wait."""

import math
from datetime import UTC, datetime

import pytest

from accounts.access.limits import Period, Rule
from proxy.relay.limits.messages import Finding, refusal
from tests.relay.limited import capped


@pytest.mark.parametrize(
    ("period", "named", "ends"),
    [
        ("day", b"daily", datetime(2026, 2, 26, tzinfo=UTC)),
        ("week", b"weekly", datetime(2026, 3, 2, tzinfo=UTC)),
        ("month", b"monthly", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_spent_cap_tells_when_its_period_ends_as_claude_code_reads_it(
    period: Period, named: bytes, ends: datetime
) -> None:
    now = datetime(2026, 2, 25, 23, 59, 58, 500_000, UTC)

    reported = refusal([capped("1", period)], [Finding(0, "spent", 1_000_000)], now)

    reset = str(int(ends.timestamp())).encode()
    seconds = math.ceil((ends - now).total_seconds())
    assert reported.headers == [
        (b"retry-after", str(seconds).encode()),
        (b"anthropic-ratelimit-unified-status", b"rejected"),
        (b"anthropic-ratelimit-unified-reset", reset),
        (b"anthropic-ratelimit-unified-overage-reset", reset),
        (b"anthropic-ratelimit-unified-overage-utilization", b"1"),
        (b"anthropic-ratelimit-unified-overage-period", named),
        (b"anthropic-ratelimit-unified-overage-disabled-reason", b"org_spend_cap_reached"),
    ]


def test_the_widest_wait_is_told() -> None:
    rules = [Rule("a", "domain a", requests_per_minute=1), Rule("b", "key b", tokens_per_minute=9)]
    reported = refusal(
        rules, [Finding(0, "requests", 900), Finding(1, "tokens", 1001)], datetime(2026, 1, 1, tzinfo=UTC)
    )

    assert reported.headers == [(b"retry-after", b"2")]
    assert "The limit of key b, 9 tokens per minute" in reported.message
