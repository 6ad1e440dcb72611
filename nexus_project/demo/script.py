"""An answer as data, and the player that sends it."""

import asyncio
from asyncio import TaskGroup
from dataclasses import dataclass
from typing import Literal

from nexus_project.demo.connection import connection_of
from nexus_project.demo.serving import Receive, Scope, Send

Outcome = Literal["answered", "client_left", "cut"]


@dataclass(frozen=True, slots=True)
class Script:
    """An answer, piece by piece.

    Each chunk is one write to the connection. `pauses[n]` is the wait in seconds before chunk n; missing ones
    are 0. Without a content-length header the body goes out chunked. `end` is how the answer ends:
    "complete"; "cut", the connection closes after the last chunk and the body stays unfinished; "no_head", it
    closes before any byte of an answer.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[bytes, ...] = ()
    pauses: tuple[float, ...] = ()
    head_pause: float = 0
    end: Literal["complete", "cut", "no_head"] = "complete"

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def header(self, name: str) -> str | None:
        """Return the first value of a header named in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def pause_before(self, index: int) -> float:
        return self.pauses[index] if index < len(self.pauses) else 0


async def play(script: Script, scope: Scope, receive: Receive, send: Send) -> Outcome:
    """Send the answer to a request whose body has been read, and tell how it went."""
    async with TaskGroup() as group:
        leaving = group.create_task(_client_gone(receive))
        try:
            if not await _stays(leaving, script.head_pause):
                return "client_left"
            if script.end == "no_head":
                return await _cut(scope, leaving)
            await send(_head(script))
            for index, chunk in enumerate(script.chunks):
                if not await _stays(leaving, script.pause_before(index)):
                    return "client_left"
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if script.end == "cut":
                return await _cut(scope, leaving)
            if not await _stays(leaving, 0):
                return "client_left"
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return "answered"
        finally:
            leaving.cancel()


def _head(script: Script) -> dict[str, object]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in script.headers]
    return {"type": "http.response.start", "status": script.status, "headers": headers}


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stays(leaving: "asyncio.Task[None]", seconds: float) -> bool:
    """Wait so long, at least one turn of the loop; False as soon as the client has hung up."""
    if seconds:
        await asyncio.wait({leaving}, timeout=seconds)
    else:
        await asyncio.sleep(0)
    return not leaving.done()


async def _cut(scope: Scope, leaving: "asyncio.Task[None]") -> Outcome:
    # uvicorn would answer 500 for an app that returns early, unless it knows that the connection is gone.
    connection_of(scope).cut()
    await asyncio.wait({leaving})
    return "cut"
