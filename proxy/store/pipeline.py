"""Where the accepted exchanges are: stored, waiting in a spool, dropped, or missing."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import redis
from django.conf import settings
from django.utils import timezone

from proxy.heartbeat import SPOOLS_KEY, Heartbeat
from proxy.store.models import Spool

log = logging.getLogger("nexus.pipeline")


# Longer than a weekend hides nothing: it is red until somebody had a day to look.
RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SpoolState:
    """One spool's share: accepted = stored + waiting + dropped + gaps. `at` is None where no proxy has spoken for it.

    `noted` is how much of `lost` was seen before, and `lost_at` when that grew.
    """

    id: str
    accepted: int
    stored: int
    waiting: int
    dropped: int
    gaps: int
    bodies_dropped: int = 0
    at: float | None = None
    noted: int = 0
    lost_at: datetime | None = None

    @property
    def lost(self) -> int:
        """All that was lost: records, and bodies of records that were kept."""
        return self.dropped + self.gaps + self.bodies_dropped


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The sum of all spools. `gaps` are serials that a proxy no longer holds though they were never stored.

    `lost_at` is when something was last lost, as far as it is noted.
    """

    accepted: int = 0
    stored: int = 0
    waiting: int = 0
    dropped: int = 0
    gaps: int = 0
    bodies_dropped: int = 0
    lost_at: datetime | None = None
    spools: list[SpoolState] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return self.dropped + self.gaps + self.bodies_dropped

    @property
    def healthy(self) -> bool:
        """Whether nothing was lost of late."""
        return not any(is_fresh(spool) for spool in self.spools)


def is_fresh(spool: SpoolState) -> bool:
    """Whether a spool's last loss is younger than RECENT, or so new that it is not noted yet."""
    young = spool.lost_at is not None and timezone.now() - spool.lost_at < RECENT
    return spool.lost > spool.noted or bool(spool.lost and young)


def pipeline() -> Pipeline:
    """The state right now. Heartbeats are read first: what is stored afterwards can hide a gap for a second, never invent one."""
    beats = heartbeats()
    rows = {str(row.id): row for row in Spool.objects.all()}
    spools = [state_of(key, rows.get(key), beats.get(key)) for key in sorted(rows.keys() | beats.keys())]
    return Pipeline(
        accepted=sum(spool.accepted for spool in spools),
        stored=sum(spool.stored for spool in spools),
        waiting=sum(spool.waiting for spool in spools),
        dropped=sum(spool.dropped for spool in spools),
        gaps=sum(spool.gaps for spool in spools),
        bodies_dropped=sum(spool.bodies_dropped for spool in spools),
        lost_at=max((spool.lost_at for spool in spools if spool.lost and spool.lost_at), default=None),
        spools=spools,
    )


def state_of(key: str, row: Spool | None, beat: Heartbeat | None) -> SpoolState:
    """Without a heartbeat nobody can tell a gap from a record that waits on a stopped proxy's disk: it counts as waiting."""
    row, at = row or Spool(), beat.at if beat else None
    beat = beat or Heartbeat()
    dropped = max(0, max(row.dropped, beat.dropped) - row.recovered)
    accepted = max(row.accepted, beat.accepted, row.stored + dropped)
    # From the heartbeat alone, which is of one moment. None is all 0 and finds no gap.
    gaps = max(0, beat.accepted - max(0, beat.dropped - row.recovered) - beat.waiting - row.stored)
    waiting = max(0, accepted - row.stored - dropped - gaps)
    return SpoolState(
        id=key,
        accepted=row.stored + waiting + dropped + gaps,
        stored=row.stored,
        waiting=waiting,
        dropped=dropped,
        gaps=gaps,
        bodies_dropped=max(row.bodies_dropped, beat.bodies_dropped),
        at=at,
        noted=row.lost,
        lost_at=row.lost_at,
    )


def heartbeats() -> Mapping[str, Heartbeat]:
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
