"""A proxy process comes to its end whatever its parts do."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from accounts.snapshot.watcher import Watcher
from proxy.live_events import Message
from proxy.relay import runtime
from proxy.relay.capture.exchange import Exchange
from proxy.relay.runtime import Runtime, live


class DeafLayer:
    """A channel layer that takes the cancellation of a send for trouble with Redis."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def group_send(self, group: str, message: Message) -> None:
        """Wait for an answer that never comes, and raise another error than the one that came."""
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("the connection was closed") from None


async def test_a_publisher_whose_cancellation_is_swallowed_does_not_hold_up_the_stop(
    settings: Settings, tmp_path: Path
) -> None:
    settings.REDIS_URL = settings.DATABASE_URL = ""
    settings.CREDENTIALS_DIR = tmp_path
    running, layer = Runtime(), DeafLayer()
    running.live._layer = layer
    running.live.begin(Exchange(None, running.live.end))
    running.watcher.start()
    running.refresher.start()
    running.live.start()
    await layer.asked.wait()

    async with asyncio.timeout(5):
        await running.stop()

    assert running.draining


async def test_a_spool_that_cannot_be_used_keeps_the_process_from_starting_and_says_what_to_do(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    settings.NEXUS_DATA_DIR = tmp_path / "file"
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await live(receive, send)

    [failed] = sent
    assert failed["type"] == "lifespan.startup.failed"
    assert f"the spool in {tmp_path / 'file'} cannot be used" in failed["message"]
    assert "fix the folder or set NEXUS_DATA_DIR" in failed["message"]


async def test_a_process_starts_to_answer_once_it_knows_who_may_pass(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = settings.DATABASE_URL = ""
    settings.CREDENTIALS_DIR = tmp_path
    refresh, started = Watcher.refresh_now, asyncio.Event()

    def slowly(watcher: Watcher) -> None:
        time.sleep(0.3)
        refresh(watcher)

    async def receive() -> dict[str, Any]:
        if runtimes:
            await started.wait()
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            runtimes.append(runtime.current().watcher.current is not None)
            started.set()

    runtimes: list[bool] = []
    monkeypatch.setattr(Watcher, "refresh_now", slowly)

    await runtime.live(receive, send)

    assert runtimes == [True]
