"""Background tasks live until they end, and their failures are reported."""

import asyncio
import gc

import pytest

from proxy.relay import background
from proxy.relay.background import spawn


async def test_a_task_that_nobody_holds_runs_to_its_end() -> None:
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0.01)
        done.set()

    spawn(work(), "work")
    gc.collect()

    await asyncio.wait_for(done.wait(), 5)
    await asyncio.sleep(0)
    assert not background._running


async def test_a_failure_is_told_with_the_tasks_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    await asyncio.wait([spawn(fail(), "the-task")])
    await asyncio.sleep(0)

    [reported] = caplog.records
    assert (reported.msg, reported.__dict__["task"]) == ("background.failed", "the-task")


async def test_a_cancelled_task_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    task = spawn(asyncio.sleep(60), "sleeper")
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)

    assert caplog.records == []
