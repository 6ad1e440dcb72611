"""The mix of requests: what each asks of the emulator, and how it has to end while nobody is killed."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from proxy.record import CLIENT_LEFT, COMPLETE, UPSTREAM_CUT, UPSTREAM_ERROR

LARGE_BYTES = 400_000  # beyond what the proxy writes to its spool in one piece


@dataclass(frozen=True, slots=True)
class Wish:
    """`emulate` is the x-emulate header. `leaves_after` is when the client hangs up, in seconds.

    `ending` is how the client sees the answer end: "whole" or "broken"; `outcome` is what is stored.
    """

    emulate: str
    stream: bool = True
    status: int = 200
    ending: str = "whole"
    outcome: str = COMPLETE
    padding: int = 0
    leaves_after: float | None = None


def _stream(source: random.Random) -> Wish:
    return Wish(f"events={source.randint(5, 60)},event-delay-ms={source.randint(5, 50)}")


def _plain(source: random.Random) -> Wish:
    return Wish(f"delay-ms={source.randint(0, 800)}", stream=False)


def _large(source: random.Random) -> Wish:
    return Wish("events=10,event-delay-ms=20", padding=LARGE_BYTES + source.randint(0, LARGE_BYTES))


def _long_response(source: random.Random) -> Wish:
    return Wish(f"size={source.randint(100_000, 400_000)}", stream=False)


def _packed(source: random.Random) -> Wish:
    extra = source.choice(["gzip", "thinking", "tool=Bash", f"split=random:{source.random()}"])
    return Wish(f"events=20,event-delay-ms=10,{extra}")


def _refusal(source: random.Random) -> Wish:
    status = source.choice([429, 500, 529])
    return Wish(f"status={status}", source.random() < 0.5, status, outcome=UPSTREAM_ERROR)


def _error_event(source: random.Random) -> Wish:
    after = source.randint(2, 10)
    return Wish(f"events=20,event-delay-ms=20,error-event-after={after}", outcome=UPSTREAM_ERROR)


def _cut(source: random.Random) -> Wish:
    after = source.randint(1, 15)
    return Wish(f"events=20,event-delay-ms=20,cut-after={after}", ending="broken", outcome=UPSTREAM_CUT)


def _headless(source: random.Random) -> Wish:
    return Wish(f"head-cut,delay-ms={source.randint(0, 300)}", status=502, outcome=UPSTREAM_ERROR)


def _leaver(source: random.Random) -> Wish:
    after = source.uniform(0.05, 1.5)
    if source.random() < 0.7:
        return Wish("events=400,event-delay-ms=30", outcome=CLIENT_LEFT, leaves_after=after)
    return Wish("delay-ms=5000", stream=False, outcome=CLIENT_LEFT, leaves_after=after)


_MIX: dict[Callable[[random.Random], Wish], int] = {
    _stream: 42,
    _plain: 20,
    _large: 4,
    _long_response: 4,
    _packed: 6,
    _refusal: 7,
    _error_event: 5,
    _cut: 5,
    _headless: 2,
    _leaver: 5,
}


def wish(source: random.Random) -> Wish:
    """The next request of a client."""
    [make] = source.choices(list(_MIX), list(_MIX.values()))
    return make(source)
