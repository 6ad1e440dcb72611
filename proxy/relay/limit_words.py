"""How Nexus says that a limit is reached: which one, of whom, and what to do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import msgspec

from accounts.limits import Rule, dollars, end
from proxy.relay.headers import Headers
from proxy.wire.errors import ErrorKind

_RAISE = "or ask Nexus's operator to raise the limit"


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


def refusal(rules: Sequence[Rule], findings: Sequence[Finding], today: date) -> Refusal:
    """The limit that matters most: spent money, which no waiting brings back, then the longest wait that is known."""
    for kind in ("spent", "reserved", "streams"):
        if worst := next((one for one in findings if one.kind == kind), None):
            return _WORDS[kind](rules[worst.place], worst, today)
    worst = max(findings, key=lambda one: one.number)
    return _rate(rules[worst.place], worst)


def _spent(rule: Rule, finding: Finding, today: date) -> Refusal:
    period, most = rule.caps[finding.cap]
    message = (
        f"The spend limit of {rule.label} for this {period} is used up: {dollars(finding.number)} of {dollars(most)}. "
        f"It begins anew on {end(period, today)} at 00:00 UTC; wait, {_RAISE}."
    )
    return Refusal(ErrorKind.SPEND_LIMIT, message, [(b"x-should-retry", b"false")])


def _reserved(rule: Rule, finding: Finding, today: date) -> Refusal:
    period, most = rule.caps[finding.cap]
    message = (
        f"Requests under way may use up the spend limit of {rule.label} for this {period}: {dollars(finding.number)} of "
        f"{dollars(most)} is spent. Try again when they have ended, {_RAISE}."
    )
    return Refusal(ErrorKind.RATE_LIMIT, message, [(b"x-should-retry", b"true")])


def _streams(rule: Rule, finding: Finding, today: date) -> Refusal:
    message = (
        f"{finding.number} requests of {rule.label} are under way, and its limit is {rule.concurrent_streams} at a time. "
        f"Try again when one has ended, {_RAISE}."
    )
    return Refusal(ErrorKind.RATE_LIMIT, message, [(b"x-should-retry", b"true")])


_WORDS = {"spent": _spent, "reserved": _reserved, "streams": _streams}


def _rate(rule: Rule, finding: Finding) -> Refusal:
    most = rule.requests_per_minute if finding.kind == "requests" else rule.tokens_per_minute
    seconds = max(1, math.ceil(finding.number / 1000))
    message = f"The limit of {rule.label}, {most} {finding.kind} per minute, is reached. Try again in {seconds} s, {_RAISE}."
    return Refusal(ErrorKind.RATE_LIMIT, message, [(b"retry-after", str(seconds).encode())])
