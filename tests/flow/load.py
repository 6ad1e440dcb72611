"""Requests at a steady rate from many clients, and what became of each."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

ASK = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}


@dataclass
class Load:
    """`outcomes` counts what clients got: "200", another status, or the name of an exception."""

    url: str
    rate: float
    outcomes: Counter[str] = field(default_factory=Counter)

    async def run(self, goes_on: Callable[[], bool]) -> None:
        """Send while it goes on: half of the requests on connections of their own, half on kept ones, none is ever repeated."""
        loop = asyncio.get_running_loop()
        timeout = aiohttp.ClientTimeout(total=60)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as kept,
            aiohttp.ClientSession(
                timeout=timeout, connector=aiohttp.TCPConnector(limit=0, force_close=True)
            ) as fresh,
            asyncio.TaskGroup() as group,
        ):
            number, began = 0, loop.time()
            while goes_on():
                group.create_task(self._send(kept if number % 2 else fresh))
                number += 1
                await asyncio.sleep(max(0.0, began + number / self.rate - loop.time()))

    async def _send(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.post(
                f"{self.url}/v1/messages", json=ASK, headers={"anthropic-version": "2023-06-01"}
            ) as response:
                await response.read()
                self.outcomes[str(response.status)] += 1
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.outcomes[type(error).__name__] += 1
