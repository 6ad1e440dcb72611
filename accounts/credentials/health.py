"""How each credential fares, as all proxy processes tell it: one Redis hash a credential, read by admin, dashboard and pool.

Fields: `cooling_until` (epoch seconds), `cooling_reason`, `gauges` (JSON: name of an `anthropic-ratelimit-…` window to
[share used 0 to 1, its reset in epoch seconds]), `used_at` (epoch seconds), `error` and `error_at` of the last failure, and
`organisation`, the id that the API's responses name.
Beside it `nexus:probe:<credential>:<end of its cool-down>` names the process that probes, while it does.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import redis
from django.conf import settings

from accounts import redis_client

TIMEOUT_SECONDS = 1
KEPT_SECONDS = 30 * 86_400  # after the last word on a credential
Changes = Mapping[str, str | float | None]  # of a hash's fields; None removes one
# In one step: meanwhile the claim may have ended, and be another process's.
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
_gauges = msgspec.json.Decoder(dict[str, tuple[float, float]]).decode


@dataclass(frozen=True, slots=True)
class Health:
    """One credential's state. `gauges` as above; 0.0 and "" where nothing is known."""

    cooling_until: float = 0.0
    cooling_reason: str = ""
    gauges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    used_at: float = 0.0
    error: str = ""
    error_at: float = 0.0
    organisation: str = ""

    def is_cooling(self, now: float) -> bool:
        return now < self.cooling_until


def name_of(key: str) -> str:
    """The Redis key for a credential's `AccessCredential.key`, e.g. `database:7`."""
    return f"nexus:health:{key}"


def read(keys: Sequence[str]) -> dict[str, Health]:
    """The health of these credentials (`AccessCredential.key`); without Redis nothing is known of any."""
    if not settings.REDIS_URL:
        return dict.fromkeys(keys, Health())
    with connection().pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.hgetall(name_of(key))
        return {key: _health(found) for key, found in zip(keys, pipe.execute(), strict=True)}


def exchange(changes: Mapping[str, Changes], wanted: Sequence[str]) -> dict[str, Health]:
    """Write what changed of each credential and read, after it, the health of those wanted, in one round trip.

    Both are by `AccessCredential.key`. Raises redis.RedisError.
    """
    with connection().pipeline(transaction=False) as pipe:
        for key, fields in changes.items():
            name = name_of(key)
            kept: dict[Any, Any] = {field: value for field, value in fields.items() if value is not None}
            gone = [field for field, value in fields.items() if value is None]
            if kept:
                pipe.hset(name, mapping=kept)
            if gone:
                pipe.hdel(name, *gone)
            pipe.expire(name, KEPT_SECONDS)
        for key in wanted:
            pipe.hgetall(name_of(key))
        found = pipe.execute()
    return {key: _health(raw) for key, raw in zip(wanted, found[len(found) - len(wanted) :], strict=True)}


def claim_probe(key: str, until: float, process: str, seconds: float) -> bool:
    """Whether this process is the one that asks a credential whose cool-down ended at `until`, for so long at most.

    A process may claim again what it holds. Without an answer of Redis each process is the one.
    """
    name = _probe_of(key, until)
    try:
        with connection().pipeline() as pipe:
            pipe.set(name, process, nx=True, px=round(1000 * seconds))
            pipe.get(name)
            return bool(pipe.execute()[1] == process)
    except redis.RedisError:
        return True


def release_probe(key: str, until: float, process: str) -> None:
    """Give back what this process claimed. Without an answer of Redis the claim ends by itself."""
    with suppress(redis.RedisError):
        connection().eval(_RELEASE, 1, _probe_of(key, until), process)


def _probe_of(key: str, until: float) -> str:
    return f"nexus:probe:{key}:{until:.3f}"


def reset(keys: Iterable[str]) -> None:
    """End the cool-down of these credentials; raises redis.RedisError."""
    for key in keys:
        connection().hdel(name_of(key), "cooling_until", "cooling_reason")


def _health(found: Mapping[str, str]) -> Health:
    return Health(
        cooling_until=float(found.get("cooling_until", 0)),
        cooling_reason=found.get("cooling_reason", ""),
        gauges=_gauges(found.get("gauges", "{}")),
        used_at=float(found.get("used_at", 0)),
        error=found.get("error", ""),
        error_at=float(found.get("error_at", 0)),
        organisation=found.get("organisation", ""),
    )


def connection() -> "redis.Redis":
    """A client that gives up within TIMEOUT_SECONDS: a page and the pool can do without it."""
    return redis_client.client(TIMEOUT_SECONDS)
