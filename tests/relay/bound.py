"""What one proxy process knows of a pool of three and of a session on it."""

import time

import httpx

from accounts.access.decision import AccessCredential
from proxy.relay.credentials.affinity import Affinity
from proxy.relay.credentials.pool import Pool
from proxy.relay.credentials.shared_redis import SharedRedis
from proxy.relay.credentials.updates import HealthUpdates

A, A2, B = (
    AccessCredential("database", str(number), "api_key", f"sk-ant-api03-{number}", f"acc_{number}")
    for number in (1, 2, 3)
)
ALL = (A, A2, B)
HERE = ("a.example", "session")
NOBODY: frozenset[str] = frozenset()


class Process:
    """A pool with two credentials of one organisation and one of another."""

    def __init__(self) -> None:
        self.updates = HealthUpdates()
        self.pool = Pool(self.updates)
        self.redis = SharedRedis()
        self.affinity = Affinity(self.updates, self.pool, self.redis)
        for credential, organisation in ((A, "org-a"), (A2, "org-a"), (B, "org-b")):
            headers = httpx.Headers({"Anthropic-Organization-Id": organisation})
            self.updates.learn_organisation(credential.key, headers)

    def bound(self, credential: AccessCredential = A) -> None:
        """A session that this credential has answered."""
        self.affinity.bind(HERE, credential.key)
        assert self.response(credential) == ""

    def response(
        self, credential: AccessCredential, status: int = 200, pool: tuple[AccessCredential, ...] = ALL
    ) -> str:
        return self.affinity.answered(HERE, credential, pool, status, time.time())

    def cool(self, credential: AccessCredential, seconds: float, reason: str = "429") -> None:
        self.pool.failed(credential, reason, time.time() + seconds, time.time())

    def scope(
        self, pool: tuple[AccessCredential, ...] = ALL, tried: frozenset[str] = NOBODY
    ) -> list[AccessCredential]:
        """Those that the session may use."""
        return list(self.affinity.own(self.affinity.binding(HERE), pool, tried, time.time()) or pool)

    async def stop(self) -> None:
        await self.affinity.stop()
        await self.redis.close()
