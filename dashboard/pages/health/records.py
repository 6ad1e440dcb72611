"""The way of records: what was accepted, where it is now, how far ingest is behind, and what could not be stored."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from accounts.secrets.masking import mask_text
from dashboard.pages.health.checks import Check, Section, State, Table, good_if
from dashboard.templatetags.nexus import duration, grouped, local, size
from proxy.heartbeat import Heartbeat
from proxy.store.models import DeadLetter, Spool
from proxy.store.pipeline import Pipeline, SpoolState, heartbeats, is_fresh, pipeline

# A proxy speaks each second.
SILENT_SECONDS = 15
# A batch is stored within a second; so long nothing was stored while records waited.
LAG = timedelta(seconds=60)
_LOST = "Find the cause in “What to watch” of docs/operations.md"
MOST_LETTERS = 5


def records() -> Section:
    """The pipeline with each spool, and dead letters."""
    beats, state, now = heartbeats(), pipeline(), timezone.now()
    checks = [*_pipeline(state), _lag(state, now), *_proxies(state, now), *_dead_letters()]
    rows = [_row(spool, beats, now) for spool in state.spools]
    columns = ("Spool", "Proxy", "Accepted", "Stored", "Waiting", "Lost", "On disk", "Heard of")
    return Section("records", "Records", checks, Table(columns, rows) if rows else None)


def _pipeline(state: Pipeline) -> Iterator[Check]:
    yield Check("Accepted", grouped(state.accepted))
    yield Check("Stored", grouped(state.stored))
    yield Check("Waiting", grouped(state.waiting))
    if not state.lost:
        yield Check("Lost", "nothing", State.GOOD)
        return
    lost = f"{grouped(state.dropped)} dropped, {grouped(state.gaps)} missing, {grouped(state.bodies_dropped)} bodies"
    if state.healthy:
        yield Check("Lost", f"{lost}; none of late", State.INFO)
    else:
        yield Check("Lost", lost, State.BAD, f"{_LOST}.", "manage.py spool list")


def _lag(state: Pipeline, now: datetime) -> Check:
    """How long nothing was stored while something waits; running streams wait too, so a short one says nothing."""
    last: datetime | None = Spool.objects.aggregate(last=Max("updated_at"))["last"]
    if not state.waiting or last is None:
        return Check("Ingest lag", "none: nothing waits", State.GOOD)
    lag = now - last
    shown = f"last stored {duration(lag.total_seconds() * 1000)} ago"
    if lag < LAG:
        return Check("Ingest lag", shown, State.GOOD)
    to_do = "Streams that run may be all that waits. Else see that worker, Redis and PostgreSQL run."
    return Check("Ingest lag", shown, State.WARN, to_do, "manage.py spool list")


def _proxies(state: Pipeline, now: datetime) -> Iterator[Check]:
    speaking = [spool for spool in state.spools if not _is_silent(spool, now)]
    yield Check(
        "Proxy processes", grouped(len(speaking)), good_if(bool(speaking), State.WARN), *_no_proxy(speaking)
    )
    left = [spool for spool in state.spools if _is_silent(spool, now) and spool.waiting]
    if left:
        waiting = f"{grouped(sum(spool.waiting for spool in left))} records on {len(left)} disks"
        to_do = "Start a proxy with that NEXUS_DATA_DIR, or store them without one, where the disk is."
        yield Check("Left by stopped proxies", waiting, State.BAD, to_do, "manage.py spool replay --slots")


def _no_proxy(speaking: list[SpoolState]) -> tuple[str, ...]:
    return () if speaking else ("No proxy speaks: start one, or see that it reaches REDIS_URL.", "make proxy")


def _is_silent(spool: SpoolState, now: datetime) -> bool:
    return spool.at is None or now.timestamp() - spool.at > SILENT_SECONDS


def _dead_letters() -> Iterator[Check]:
    waiting = DeadLetter.objects.waiting()
    count = waiting.count()
    if not count:
        yield Check("Dead letters", "none", State.GOOD)
        return
    errors = sorted(
        {
            mask_text(error)[:160]
            for error in waiting.order_by("-pk").values_list("error", flat=True)[:MOST_LETTERS]
        }
    )
    to_do = f"Report what they say, and store them after an upgrade that fixes it: {'; '.join(errors)}"
    yield Check("Dead letters", grouped(count), State.BAD, to_do, "manage.py spool replay --set-aside")


def _row(spool: SpoolState, beats: Mapping[str, Heartbeat], now: datetime) -> tuple[str, ...]:
    beat = beats.get(spool.id)
    return (
        spool.id[-12:],
        "stopped" if _is_silent(spool, now) else "running",
        grouped(spool.accepted),
        grouped(spool.stored),
        grouped(spool.waiting),
        f"{grouped(spool.lost)}{' (of late)' if is_fresh(spool) else ''}",
        size(beat.used_bytes) if beat else "not known",
        local(datetime.fromtimestamp(spool.at, UTC)) if spool.at else "never",
    )
