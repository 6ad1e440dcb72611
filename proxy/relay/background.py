"""The one place that starts asyncio tasks: it keeps them referenced, or the garbage collector would end them."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("nexus.relay")

_running: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Run in the background; a failure is logged with the task's name."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_finished)
    return task


def _finished(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()):
        log.error("background.failed", extra={"task": task.get_name()}, exc_info=error)
