"""Where the accepted exchanges are: stored, waiting in a spool, dropped, or missing."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import redis
from django.conf import settings

from proxy.record import SPOOLS_KEY
from proxy.store.models import Spool

log = logging.getLogger("nexus.dashboard")


class Heartbeat(msgspec.Struct, frozen=True):
    """What a proxy says of its spool each second. `waiting` is all that it holds, open exchanges too; `at` epoch seconds."""

    accepted: int = 0
    dropped: int = 0
    waiting: int = 0
    at: float = 0


@dataclass(frozen=True, slots=True)
class SpoolState:
    """One spool's share: accepted = stored + waiting + dropped + gaps. `at` is None where no proxy has spoken for it."""

    id: str
    accepted: int
    stored: int
    waiting: int
    dropped: int
    gaps: int
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The sum of all spools. `gaps` are serials that a proxy no longer holds though they were never stored."""

    accepted: int = 0
    stored: int = 0
    waiting: int = 0
    dropped: int = 0
    gaps: int = 0
    spools: list[SpoolState] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        return not (self.dropped or self.gaps)


def pipeline() -> Pipeline:
    """The state right now. Heartbeats are read first: what is stored afterwards can hide a gap for a second, never invent one."""
    beats = _heartbeats()
    rows = {str(row.id): row for row in Spool.objects.all()}
    spools = [_state(key, rows.get(key), beats.get(key)) for key in sorted(rows.keys() | beats.keys())]
    return Pipeline(
        accepted=sum(spool.accepted for spool in spools),
        stored=sum(spool.stored for spool in spools),
        waiting=sum(spool.waiting for spool in spools),
        dropped=sum(spool.dropped for spool in spools),
        gaps=sum(spool.gaps for spool in spools),
        spools=spools,
    )


def _state(key: str, row: Spool | None, beat: Heartbeat | None) -> SpoolState:
    """Without a heartbeat nobody can tell a gap from a record that waits on a stopped proxy's disk: it counts as waiting."""
    stored = row.stored if row else 0
    dropped = max(row.dropped if row else 0, beat.dropped if beat else 0)
    accepted = max(row.accepted if row else 0, beat.accepted if beat else 0, stored + dropped)
    gaps = max(0, beat.accepted - beat.dropped - beat.waiting - stored) if beat else 0
    waiting = max(0, accepted - stored - dropped - gaps)
    return SpoolState(
        id=key,
        accepted=stored + waiting + dropped + gaps,
        stored=stored,
        waiting=waiting,
        dropped=dropped,
        gaps=gaps,
        at=beat.at if beat else None,
    )


def _heartbeats() -> Mapping[str, Heartbeat]:
    """The proxies' own words, {} without Redis; one that cannot be read is left out."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            raw: dict[bytes, bytes] = client.hgetall(SPOOLS_KEY)
    except redis.RedisError as error:
        log.warning("pipeline.heartbeats_unavailable", extra={"error": type(error).__name__})
        return {}
    beats = {}
    for key, value in raw.items():
        try:
            beats[key.decode()] = msgspec.json.decode(value, type=Heartbeat)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.warning("pipeline.heartbeat_unreadable")
    return beats
