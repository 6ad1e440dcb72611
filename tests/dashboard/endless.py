"""An application with a response of 200 MiB, for a daphne: `/count` says how many bytes it made, and whether it still does."""

from collections.abc import Awaitable, Callable
from typing import Any

from nexus_project.asgi.backpressure import paced

CHUNK = b"x" * 65_536
made, runs = 0, False


async def endless(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    global made, runs
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/count":
        await send({"type": "http.response.body", "body": f"{made} {runs}".encode()})
        return
    runs = True
    while made < 200 * 1024**2:
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        made += len(CHUNK)
    await send({"type": "http.response.body", "body": b""})
    runs = False


application = paced(endless)
