"""How Nexus says that a limit is reached: which one, of whom, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Literal

import msgspec

from accounts.access.limits import Period, Rule, dollars, end
from proxy.relay.http.headers import Headers
from proxy.relay.http.refusal import retry_after, whole_seconds
from proxy.wire.errors import ErrorKind

_RAISE = "or ask Nexus's operator to raise the limit"
_UNIFIED = b"anthropic-ratelimit-unified-"
# As Claude Code names them.
_PERIODS: dict[Period, bytes] = {"day": b"daily", "week": b"weekly", "month": b"monthly"}


class Finding(msgspec.Struct, frozen=True):
    """One limit that refuses, as the script tells it: the rule's place, a number of `kind`'s own, the cap's place.

    `number` is milliseconds to wait for requests and tokens, exchanges under way for streams, else millionths of a USD spent.
    """

    place: int
    kind: Literal["spent", "reserved", "streams", "requests", "tokens"]
    number: int
    cap: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in place of the API's."""

    kind: ErrorKind
    message: str
    headers: Headers


def refusal(rules: Sequence[Rule], findings: Sequence[Finding], now: datetime) -> Refusal:
    """The limit that matters most: spent money, which no waiting brings back, then the longest wait that is known."""
    for kind in ("spent", "reserved", "streams"):
        if worst := next((finding for finding in findings if finding.kind == kind), None):
            return _WORDS[kind](rules[worst.place], worst, now)
    worst = max(findings, key=lambda finding: finding.number)
    return _rate(rules[worst.place], worst)


def _spent(rule: Rule, finding: Finding, now: datetime) -> Refusal:
    period, most = rule.caps[finding.cap]
    anew = end(period, now.date())
    message = (
        f"The spend limit of {rule.label} for this {period} is used up: {dollars(finding.number)} of {dollars(most)}. "
        f"It begins anew on {anew} at 00:00 UTC; wait, {_RAISE}."
    )
    return Refusal(ErrorKind.SPEND_LIMIT, message, _used_up(period, datetime.combine(anew, time(), UTC), now))


def _used_up(period: Period, until: datetime, now: datetime) -> Headers:
    """With these Claude Code prints the message as it is and stops.

    `representative-claim` or `overage-status` among them would make it tell of a limit of the user's own plan instead.
    """
    reset = str(int(until.timestamp())).encode()
    reported = {
        b"status": b"rejected",
        b"reset": reset,
        b"overage-reset": reset,
        b"overage-utilization": b"1",
        b"overage-period": _PERIODS[period],
        b"overage-disabled-reason": b"org_spend_cap_reached",
    }
    wait = retry_after((until - now).total_seconds())
    return [wait, *((_UNIFIED + name, value) for name, value in reported.items())]


def _reserved(rule: Rule, finding: Finding, now: datetime) -> Refusal:
    period, most = rule.caps[finding.cap]
    message = (
        f"Requests under way may use up the spend limit of {rule.label} for this {period}: {dollars(finding.number)} of "
        f"{dollars(most)} is spent. Try again when they have ended, {_RAISE}."
    )
    return Refusal(ErrorKind.RATE_LIMIT, message, [(b"x-should-retry", b"true")])


def _streams(rule: Rule, finding: Finding, now: datetime) -> Refusal:
    message = (
        f"{finding.number} requests of {rule.label} are under way, and its limit is {rule.concurrent_streams} at a time. "
        f"Try again when one has ended, {_RAISE}."
    )
    return Refusal(ErrorKind.RATE_LIMIT, message, [(b"x-should-retry", b"true")])


_WORDS = {"spent": _spent, "reserved": _reserved, "streams": _streams}


def _rate(rule: Rule, finding: Finding) -> Refusal:
    most = rule.requests_per_minute if finding.kind == "requests" else rule.tokens_per_minute
    seconds = whole_seconds(finding.number / 1000)
    message = f"The limit of {rule.label}, {most} {finding.kind} per minute, is reached. Try again in {seconds} s, {_RAISE}."
    return Refusal(ErrorKind.RATE_LIMIT, message, [retry_after(seconds)])
