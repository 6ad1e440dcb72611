"""How one credential fares, as one process knows it: a cool-down with a reason and an end, then a probe. Times are epoch seconds.

well → cooling (`until` lies ahead) → half open (`until` has passed: one request probes) → well after any success, or cooling again.
"""

import asyncio
from dataclasses import dataclass, field

from accounts.backoff import pause

FIRST_SECONDS = 5.0  # where the API does not say how long: doubled with each failure in a row
MOST_SECONDS = 300.0
JITTER = 0.2
# A probe that the API has not refused by then holds up nobody any more: refusals come at once, answers may take minutes.
PROBE_SECONDS = 5.0
# How often a process asks whether another one still probes.
LOOK_SECONDS = 0.5


@dataclass(slots=True)
class CircuitBreaker:
    """`until` is 0 for a credential that is well; `since` tells requests sent before the cool-down from those after it."""

    until: float = 0.0
    reason: str = ""
    since: float = 0.0
    failures: int = 0
    probe_ends: float = 0.0
    _probed: asyncio.Event = field(default_factory=asyncio.Event)

    def is_cooling(self, now: float) -> bool:
        return now < self.until

    def is_probed(self, now: float) -> bool:
        return now < self.probe_ends

    def is_ready(self, now: float) -> bool:
        return now >= self.until and now >= self.probe_ends

    def ask(self, now: float) -> None:
        """It is going to be asked; the first request after a cool-down is the probe."""
        if self.until:
            self.probe_ends = now + PROBE_SECONDS
            self._probed.clear()

    async def outcome(self, now: float) -> None:
        """Wait until the running probe has one, or holds up nobody any more."""
        try:
            async with asyncio.timeout(self.probe_ends - now):
                await self._probed.wait()
        except TimeoutError:
            pass

    def cool(self, now: float, until: float | None, reason: str, sent_at: float) -> bool:
        """Note a failure of a request sent at `sent_at`; True when a cool-down begins, False when it only may grow longer.

        Of many requests in flight each may be refused: together they are one failure.
        """
        if self.until and sent_at < self.since:
            self.until = max(self.until, until or 0.0)
            return False
        self.failures += 1
        wait = pause(self.failures, FIRST_SECONDS, MOST_SECONDS, (1 - JITTER, 1 + JITTER))
        self.until, self.reason, self.since = until or now + wait, reason, now
        self._end_probe()
        return True

    def succeed(self, sent_at: float) -> bool:
        """Note a success; True when it ends a cool-down. One that was sent before it began says nothing of the time after."""
        if not self.until or sent_at < self.since:
            return False
        self.recover()
        return True

    def neither(self) -> None:
        """The probe's answer says nothing of the credential: let the next request probe."""
        self._end_probe()

    def probed_elsewhere(self, now: float) -> None:
        """Another process probes it; in a moment it is to be asked again whether it still does."""
        if self.until:  # or another process reported meanwhile that it is well
            self.probe_ends = now + LOOK_SECONDS

    def recover(self) -> None:
        """It is well again."""
        self.until, self.reason, self.failures = 0.0, "", 0
        self._end_probe()

    def adopt(self, until: float, reason: str, now: float) -> None:
        """Take over the cool-down that another process reported."""
        if until != self.until:
            self.until, self.reason, self.since = until, reason, now
            self.failures = max(self.failures, 1)
            self._end_probe()

    def _end_probe(self) -> None:
        self.probe_ends = 0.0
        self._probed.set()
