"""The bonds of sessions in Redis, shared by all processes and kept over restarts.

One key a session, `nexus:affinity:<digest of domain and session>`, holds [credential, organisation] as JSON.
"""

import asyncio
import logging
import time
from hashlib import sha256
from typing import NamedTuple

import msgspec
from django.conf import settings

from proxy.relay.rarely import Rarely
from proxy.relay.redis_client import DOWN, StoreDown, connect

log = logging.getLogger("nexus.pool")

KEPT_SECONDS = 24 * 3600  # after a process last asked for it
WAIT_SECONDS = 0.3
# A Redis that hangs must not hold up every session: for so long nobody asks it again.
PAUSE_SECONDS = 5.0
# In one step: another process may have moved the session meanwhile, and then its word counts.
_SWAP = """
local kept = redis.call('GET', KEYS[1])
if not kept or kept == ARGV[1] then kept = ARGV[2] end
redis.call('SET', KEYS[1], kept, 'EX', ARGV[3])
return kept
"""

# A domain, and within it the session or else the client key; there is no affinity where the second is "".
Place = tuple[str, str]


class Bond(NamedTuple):
    """A session's credential (`Payer.key`), and the organisation of its last response, "" before the first one."""

    key: str = ""
    organisation: str = ""


_decode = msgspec.json.Decoder(Bond).decode


class AffinityStore:
    """Used by one event loop."""

    def __init__(self) -> None:
        self._has_address = bool(settings.REDIS_URL)
        self._redis = connect()
        self._swap = self._redis.register_script(_SWAP)
        self._asked_again_at = 0.0
        self._rarely = Rarely()

    @property
    def answers(self) -> bool:
        """Whether it is worth asking: there is a Redis, and it did not fail a moment ago."""
        return self._has_address and time.monotonic() >= self._asked_again_at

    async def swap(self, place: Place, believed: Bond, wanted: Bond) -> Bond:
        """Keep `wanted` unless there is another bond than `believed`; returns what is kept. Raises StoreDown."""
        encode = msgspec.json.encode
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                kept = await self._swap(
                    keys=[_name(place)], args=[encode(believed), encode(wanted), KEPT_SECONDS]
                )
            return _decode(kept)
        except (*DOWN, msgspec.DecodeError) as error:
            self._asked_again_at = time.monotonic() + PAUSE_SECONDS
            if times := self._rarely.count():
                action = "bring Redis back; until then each process keeps the affinity of sessions by itself"
                extra = {"why": type(error).__name__, "times": times, "action": action}
                log.warning("affinity.unshared", extra=extra)
            raise StoreDown(type(error).__name__) from error

    async def close(self) -> None:
        await self._redis.aclose()


def _name(place: Place) -> str:
    return f"nexus:affinity:{sha256(chr(0).join(place).encode()).hexdigest()[:32]}"
