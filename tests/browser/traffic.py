"""Live traffic as pages hear and read it: requests begin, stream, end and are stored, so many a second."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.utils import timezone

from proxy import live_events
from proxy.live_events import GROUP, Event, Kind
from proxy.relay.background import spawn
from proxy.store.models import Conversation
from tests import people

PER_SECOND = 20
RUNS_FOR = 1.5
TICK = 0.25


async def publish(*events: Event) -> None:
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send(GROUP, live_events.message(list(events)))


@asynccontextmanager
async def flowing(session: Conversation | None = None) -> AsyncIterator["Traffic"]:
    """While it is open requests come; every fourth is said to belong to `session`."""
    traffic = Traffic(session)
    task = spawn(traffic.flow(), "traffic")
    try:
        yield traffic
    finally:
        traffic.is_over = True
        await task


class Traffic:
    """`stored` counts what came to its end."""

    def __init__(self, session: Conversation | None = None) -> None:
        self.is_over = False
        self.stored = 0
        self._session = session
        self._numbers = itertools.count()
        self._running: dict[int, float] = {}

    async def flow(self) -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        for tick in itertools.count(1):
            if self.is_over:
                return
            await self._step(clock())
            await asyncio.sleep(max(0.0, begin + tick * TICK - clock()))

    async def _step(self, now: float) -> None:
        """What happens within a tick: the oldest end and are stored, as many begin, all report."""
        ended = [number for number, begun in self._running.items() if now - begun > RUNS_FOR]
        for number in ended:
            del self._running[number]
        await database_sync_to_async(self._store)(ended)
        for _ in range(round(PER_SECOND * TICK)):
            self._running[next(self._numbers)] = now
        events = [self._event("running", number, now - begun) for number, begun in self._running.items()]
        for number in ended:
            events += [self._event("ended", number, RUNS_FOR), self._event("stored", number, RUNS_FOR)]
        await publish(*events)

    def _store(self, numbers: list[int]) -> None:
        for number in numbers:
            failed = number % 7 == 0
            people.make_exchange(
                at=timezone.now() - timedelta(seconds=RUNS_FOR),
                domain=_domain(number),
                model=_model(number),
                outcome="upstream_error" if failed else "complete",
                status=529 if failed else 200,
                error_type="overloaded_error" if failed else "",
                duration_ms=900 + 137 * (number % 40),
                input_tokens=10 ** (number % 6),
            )
        self.stored += len(numbers)

    def _event(self, kind: Kind, number: int, seconds: float) -> Event:
        event: Event = {
            "kind": kind,
            "id": f"0193a000-0000-7000-8000-{number:012x}",
            "domain": _domain(number),
            "model": _model(number),
            "started_at": timezone.now().timestamp() - seconds,
            "elapsed_ms": round(seconds * 1000),
            "input_tokens": 10 ** (number % 6),
            "output_tokens": round(seconds * 90),
            "tools": number % 3,
            "bytes": round(seconds * 900),
            "first_byte_ms": 210.0,
        }
        if self._session is not None and number % 4 == 0:
            event |= {"session_id": self._session.session_id, "domain": self._session.domain}
        return event


def _domain(number: int) -> str:
    return f"{'team-of-somebody-else' if number % 3 else 'api'}.example"


def _model(number: int) -> str:
    return ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5-with-a-long-name")[number % 3]
