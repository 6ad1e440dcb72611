"""The bindings of sessions in Redis, shared by all processes and kept over restarts.

One key a session, `nexus:affinity:<digest of domain and session>`, holds [credential, organisation] as JSON.
"""

from hashlib import sha256
from typing import NamedTuple

import msgspec

from proxy.relay.credentials.shared_redis import SharedRedis
from proxy.relay.redis_client import StoreDown

KEPT_SECONDS = 24 * 3600  # after a process last asked for it
# In one step: another process may have moved the session meanwhile, and then its word counts.
_SWAP = """
local kept = redis.call('GET', KEYS[1])
if not kept or kept == ARGV[1] then kept = ARGV[2] end
redis.call('SET', KEYS[1], kept, 'EX', ARGV[3])
return kept
"""

# A domain, and within it the session; there is no affinity where the second is "".
AffinityKey = tuple[str, str]


class Binding(NamedTuple):
    """A session's credential (`AccessCredential.key`), and the organisation of its last response, "" before the first one."""

    key: str = ""
    organisation: str = ""


_decode = msgspec.json.Decoder(Binding).decode
_encode = msgspec.json.encode


class AffinityStore:
    """Used by one event loop."""

    def __init__(self, redis: SharedRedis) -> None:
        self._redis = redis
        self._swap = redis.client.register_script(_SWAP)

    @property
    def is_up(self) -> bool:
        """Whether it is worth asking."""
        return self._redis.is_up

    async def swap(self, affinity_key: AffinityKey, believed: Binding, wanted: Binding) -> Binding:
        """Keep `wanted` unless there is another binding than `believed`; returns what is kept. Raises StoreDown."""
        swap = self._swap(keys=[_name(affinity_key)], args=[_encode(believed), _encode(wanted), KEPT_SECONDS])
        kept = await self._redis.ask(swap)
        try:
            return _decode(kept)
        except msgspec.DecodeError as error:
            self._redis.fail(error)
            raise StoreDown(type(error).__name__) from error


def _name(affinity_key: AffinityKey) -> str:
    return f"nexus:affinity:{sha256(chr(0).join(affinity_key).encode()).hexdigest()[:32]}"
