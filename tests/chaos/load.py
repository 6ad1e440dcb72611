"""The clients: they send what they wish for to a proxy that is ready, and note what they saw."""

import asyncio
import hashlib
import json
import random
import time
from dataclasses import dataclass, field

import aiohttp

from tests.chaos.life import Life
from tests.chaos.parts import Part
from tests.chaos.wishes import Wish, wish

CLIENTS = 24
PATIENCE_SECONDS = 60.0
IDLE_SECONDS = 0.05
# A proxy that drains closes a connection that was idle for two seconds: who sends at that moment has to send again.
KEEP_ALIVE_SECONDS = 1.0


@dataclass(slots=True)
class Sent:
    """One request as its client saw it.

    `ending` is "whole", "broken" (after its head), "failed" (before it) or "left"; `response` the SHA-256 of a whole one.
    Times are monotonic seconds.
    """

    id: str
    wish: Wish
    body_sha256: str
    life: Life
    status: int = 0
    ending: str = "failed"
    response: str = ""
    error: str = ""
    began: float = 0.0
    ended: float = 0.0

    def met(self, kind: str) -> bool:
        """Whether its proxy was in such a trouble meanwhile."""
        return self.life.met(kind, self.began, self.ended)


@dataclass(slots=True)
class Load:
    """What all clients do together; `stop` lets each finish its request."""

    proxies: list[Part]
    seed: int
    sent: list[Sent] = field(default_factory=list)
    open_streams: int = 0
    stopping: bool = False

    async def reach(self, exchanges: int) -> None:
        """Return when so many requests were answered."""
        missing = exchanges
        while missing > 0:
            await asyncio.sleep(IDLE_SECONDS)
            missing = exchanges - sum(exchange.status > 0 for exchange in self.sent)

    async def client(self, number: int) -> None:
        """One client: a request after the other until the load stops."""
        source = random.Random(f"{self.seed} client {number}")
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        connector = aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_SECONDS)
        async with aiohttp.ClientSession(
            timeout=timeout, auto_decompress=False, connector=connector
        ) as session:
            while not self.stopping:
                ready = [proxy for proxy in self.proxies if proxy.up]
                if ready:
                    await self._exchange(session, source.choice(ready), source)
                await asyncio.sleep(source.uniform(0, IDLE_SECONDS))

    async def _exchange(self, session: aiohttp.ClientSession, proxy: Part, source: random.Random) -> None:
        wanted = wish(source)
        mark = f"{source.getrandbits(128):032x}"
        body = _body(wanted, mark)
        sent = Sent(mark, wanted, hashlib.sha256(body).hexdigest(), proxy.life, began=time.monotonic())
        self.sent.append(sent)
        headers = {
            "anthropic-version": "2023-06-01",
            "content-type": "application/json",
            "x-emulate": wanted.emulate,
            "x-test-id": mark,
        }
        self.open_streams += wanted.stream
        try:
            async with asyncio.timeout(wanted.leaves_after):
                await _read(session, f"{proxy.address}/v1/messages", body, headers, sent)
        except TimeoutError as error:
            sent.ending, sent.error = "left" if wanted.leaves_after else "failed", repr(error)
        except (aiohttp.ClientError, OSError) as error:
            sent.ending, sent.error = "broken" if sent.status else "failed", repr(error)
        finally:
            sent.ended = time.monotonic()
            self.open_streams -= wanted.stream


async def _read(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str], sent: Sent
) -> None:
    async with session.post(url, data=body, headers=headers) as response:
        sent.status = response.status
        sent.response = hashlib.sha256(await response.read()).hexdigest()
        sent.ending = "whole"


def _body(wanted: Wish, mark: str) -> bytes:
    text = f"request {mark} {'x' * wanted.padding}"
    ask = {
        "model": "claude-sonnet-5",
        "max_tokens": 500,
        "stream": wanted.stream,
        "messages": [{"role": "user", "content": text}],
    }
    return json.dumps(ask).encode()
