"""What one proxy process knows of a pool of three and of a session on it."""

import time

import httpx

from accounts.access.decision import Payer
from proxy.relay.credentials.affinity import Affinity
from proxy.relay.credentials.pool import Pool
from proxy.relay.credentials.shared_redis import SharedRedis
from proxy.relay.credentials.updates import Notes

A, A2, B = (
    Payer("database", str(number), "api_key", f"sk-ant-api03-{number}", f"acc_{number}")
    for number in (1, 2, 3)
)
ALL = (A, A2, B)
HERE = ("a.example", "session")
NOBODY: frozenset[str] = frozenset()


class Process:
    """A pool with two credentials of one organisation and one of another."""

    def __init__(self) -> None:
        self.notes = Notes()
        self.pool = Pool(self.notes)
        self.redis = SharedRedis()
        self.affinity = Affinity(self.notes, self.pool, self.redis)
        for payer, organisation in ((A, "org-a"), (A2, "org-a"), (B, "org-b")):
            headers = httpx.Headers({"Anthropic-Organization-Id": organisation})
            self.notes.learn_organisation(payer.key, headers)

    def bound(self, payer: Payer = A) -> None:
        """A session that this credential has answered."""
        self.affinity.bind(HERE, payer.key)
        assert self.answer(payer) == ""

    def answer(self, payer: Payer, status: int = 200, pool: tuple[Payer, ...] = ALL) -> str:
        return self.affinity.answered(HERE, payer, pool, status, time.time())

    def cool(self, payer: Payer, seconds: float, reason: str = "429") -> None:
        self.pool.failed(payer, reason, time.time() + seconds, time.time())

    def scope(self, pool: tuple[Payer, ...] = ALL, tried: frozenset[str] = NOBODY) -> list[Payer]:
        """Those that the session may use."""
        return list(self.affinity.own(self.affinity.binding(HERE), pool, tried, time.time()) or pool)

    async def stop(self) -> None:
        await self.affinity.stop()
        await self.redis.close()
