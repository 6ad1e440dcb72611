"""From the spool to the worker: batches as Celery messages, and nothing is deleted before its commit is reported.

One thread per process, because a publish can block for seconds while Redis is down. At most four batches are unconfirmed; a batch
is sent again only when its earlier copy is gone, or was taken by a worker and not confirmed in time. Ingest is idempotent.
"""

import json
import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from proxy import record
from proxy.record import Batch, Record
from proxy.relay.broker import Broker, BrokerDown, State
from proxy.relay.recovery import claim_leftovers
from proxy.relay.spool import Spool

log = logging.getLogger("nexus.shipper")

MAX_RECORDS = 100
MAX_BYTES = 1024**2
MAX_UNCONFIRMED = 4
TICK_SECONDS = 0.05
LINGER_SECONDS = 0.2
TAKEN_TIMEOUT_SECONDS = 30.0
FAILED_PAUSE_SECONDS = 5.0
LEFTOVERS_EVERY_SECONDS = 5.0
DOWN_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class Sent:
    """A batch on its way; times are monotonic seconds."""

    spool: Spool
    serials: list[int]
    sent_at: float
    taken_at: float | None = None


@dataclass(slots=True)
class Shipper:
    """`start` and `stop` are called by the event loop's thread; everything else runs in the shipper's own."""

    root: Path
    spool: Spool
    broker: Broker = field(default_factory=Broker)
    _spools: list[Spool] = field(default_factory=list)
    _sent: dict[str, Sent] = field(default_factory=dict)
    _ending: threading.Event = field(default_factory=threading.Event)
    _deadline: float = float("inf")
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._spools = [self.spool]
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self._thread.start()

    def stop(self, flush_seconds: float) -> None:
        """Ship what is ready, for so long at most; the rest waits on disk for the next process."""
        self._deadline = time.monotonic() + flush_seconds
        self._ending.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        next_beat = next_look = last_full = 0.0
        while not self._done():
            now = time.monotonic()
            try:
                self.confirm(now)
                if now >= next_look:
                    self._look_for_leftovers()
                    next_look = now + LEFTOVERS_EVERY_SECONDS
                if (
                    self._ending.is_set()
                    or now - last_full >= LINGER_SECONDS
                    or self.spool.ready >= MAX_RECORDS
                ):
                    last_full = now
                    self.ship()
                if now >= next_beat:
                    self._beat()
                    next_beat = now + 1.0
            except BrokerDown as error:
                log.warning("shipper.redis_down", extra={"why": str(error), "waiting": self.spool.waiting})
                self._ending.wait(DOWN_PAUSE_SECONDS)
            except Exception:  # the outermost door of this thread: without it a bug would stop every record
                log.exception("shipper.failed")
                self._ending.wait(DOWN_PAUSE_SECONDS)
            self._ending.wait(TICK_SECONDS) if not self._ending.is_set() else time.sleep(TICK_SECONDS)
        for spool in self._spools[1:]:
            spool.shut()

    def _done(self) -> bool:
        if not self._ending.is_set():
            return False
        return time.monotonic() > self._deadline or not any(spool.waiting for spool in self._spools)

    def ship(self) -> None:
        """Send what is ready, as far as unconfirmed batches allow; raises BrokerDown."""
        for spool in self._spools:
            while len(self._sent) < MAX_UNCONFIRMED and (serials := spool.take(MAX_RECORDS, MAX_BYTES)):
                records = [found for serial in serials if (found := _record(spool, serial))]
                kept = [found.serial for found in records]
                batch = Batch(spool.id, spool.accepted, spool.dropped, records)
                try:
                    task_id = self.broker.send(record.encode_batch(batch))
                except BrokerDown:
                    spool.give_back(kept)
                    raise
                self._sent[task_id] = Sent(spool, kept, time.monotonic())

    def confirm(self, now: float) -> None:
        """Discard what was committed and take back what has to be sent again; raises BrokerDown."""
        for task_id, sent in list(self._sent.items()):
            state = self.broker.state(task_id)
            if state is State.DONE:
                sent.spool.discard(sent.serials)
            elif not self._lost(state, sent, now):
                continue
            else:
                log.warning("shipper.sent_again", extra={"state": state.name, "records": len(sent.serials)})
                sent.spool.give_back(sent.serials)
            del self._sent[task_id]
            self.broker.forget(task_id)

    @staticmethod
    def _lost(state: State, sent: Sent, now: float) -> bool:
        if state is State.GONE:
            return True
        if state is State.WAITING:
            return False
        sent.taken_at = sent.taken_at or now
        return now - sent.taken_at > (
            FAILED_PAUSE_SECONDS if state is State.FAILED else TAKEN_TIMEOUT_SECONDS
        )

    def _look_for_leftovers(self) -> None:
        """Ship what processes left behind that did not come back; let their slots go when they are empty."""
        busy = {id(sent.spool) for sent in self._sent.values()}
        for spool in [spool for spool in self._spools[1:] if not spool.waiting and id(spool) not in busy]:
            self._beat_of(spool)
            self._spools.remove(spool)
            spool.shut()
        self._spools += claim_leftovers(self.root, settings.SPOOL_MAX_BYTES)

    def _beat(self) -> None:
        for spool in self._spools:
            self._beat_of(spool)

    def _beat_of(self, spool: Spool) -> None:
        state = {
            "accepted": spool.accepted,
            "dropped": spool.dropped,
            "waiting": spool.waiting,
            "at": time.time(),
        }
        self.broker.report(spool.id, json.dumps(state))


def _record(spool: Spool, serial: int) -> Record | None:
    """The record of one serial; None when the disk lost it (the spool has counted and set it aside)."""
    found = spool.read(serial)
    if found is None:
        return None
    head, closing = record.decode_head(found.head), record.decode_closing(found.closing)
    return Record(serial, head, closing, found.request_body, found.response_body)
