"""From the spool to the worker: batches as Celery messages, and nothing is deleted before its commit is reported.

One thread per process, because a publish can block for seconds while Redis is down. At most four batches are unconfirmed; a batch
is sent again only when its earlier copy is gone, or was taken by a worker and not confirmed in time. Ingest is idempotent.
A record that is too large for one message goes in parts, one at a time (docs/decisions/0029). Of records that are larger than a
batch one is under way at a time: the others overtake it, and none waits until a worker has read several.
"""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from proxy.batch import BatchWriter, encode_part, new_compressor
from proxy.relay.shipping.broker import Broker, BrokerDown, State
from proxy.relay.shipping.parts import Parts, parts_of
from proxy.relay.spool.assemble import read_record
from proxy.relay.spool.bounds import WHOLE_BYTES
from proxy.relay.spool.reading import Reading
from proxy.relay.spool.record import Entry, Read
from proxy.relay.spool.recovery import Leftovers
from proxy.relay.spool.spool import Spool

log = logging.getLogger("nexus.shipper")

MAX_RECORDS = 100
MAX_BYTES = 4 * 1024**2
MAX_UNCONFIRMED = 4
# Files of results at a time: beside them and one large record there is always room for a batch.
MAX_IN_PARTS = 2
TICK_SECONDS = 0.1
SHORT_TICK_SECONDS = 0.03  # while a part or a large record is on its way, as the next one waits for it
LINGER_SECONDS = 0.2
BEAT_SECONDS = 1.0
TAKEN_TIMEOUT_SECONDS = 30.0
FAILED_PAUSE_SECONDS = 5.0
LEFTOVERS_EVERY_SECONDS = 5.0
UNREADABLE_PAUSE_SECONDS = 60.0
DOWN_PAUSE_SECONDS = 1.0


# How long a batch may stay as it is before it is sent again, in seconds.
PATIENCE = {
    State.GONE: 0.0,
    State.WAITING: float("inf"),
    State.TAKEN: TAKEN_TIMEOUT_SECONDS,
    State.FAILED: FAILED_PAUSE_SECONDS,
}


@dataclass(slots=True)
class Sent:
    """A batch or a part on its way, and since when (monotonic seconds) it fares as it does. `large` is a record beyond a batch."""

    spool: Spool
    serials: list[int]
    parts: Parts | None = None
    large: bool = False
    state: State = State.WAITING
    since: float = 0.0


class Shipper:
    """`start` and `stop` are called by the event loop's thread; everything else runs in the shipper's own."""

    def __init__(self, root: Path, spool: Spool, broker: Broker | None = None) -> None:
        self._spool = spool
        self._broker = broker or Broker()
        self._compressor = new_compressor()
        self._spools = deque([spool])
        self._leftovers = Leftovers(root, settings.SPOOL_MAX_BYTES)
        self._sent: dict[str, Sent] = {}
        self._begun: deque[Parts] = deque()  # whose next part is due
        self._ending = threading.Event()
        self._deadline = float("inf")
        self._next_ship = self._next_look = self._next_beat = self._next_try = self._next_save = 0.0
        self._down = False
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, flush_seconds: float) -> None:
        """Ship what is ready, for so long at most; the rest waits on disk for the next process."""
        self._deadline = time.monotonic() + flush_seconds
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done():
            self._pause(self._guarded_turn())
        try:
            self._beat()
        except BrokerDown as error:
            log.warning("shipper.last_word_unsaid", extra={"why": str(error), "waiting": self._spool.waiting})
        for spool in self._spools:
            if spool is not self._spool:
                spool.shut()
        self._broker.close()

    def _done(self) -> bool:
        if not self._ending.is_set():
            return False
        under_way = [*(sent.spool for sent in self._sent.values()), *(parts.spool for parts in self._begun)]
        pending = self._spool.ready or any(spool is self._spool for spool in under_way)
        return not pending or time.monotonic() >= self._deadline

    def _pause(self, seconds: float) -> None:
        if self._ending.is_set():
            time.sleep(max(0.0, min(seconds, self._deadline - time.monotonic())))
        else:
            self._ending.wait(seconds)

    def _guarded_turn(self) -> float:
        """One turn; how many seconds to wait before the next."""
        try:
            self.turn(time.monotonic())
        except BrokerDown as error:
            if not self._down:
                log.warning(
                    "shipper.redis_down", extra={"why": str(error), "action": "start Redis or fix REDIS_URL"}
                )
            self._down = True
            return DOWN_PAUSE_SECONDS
        except Exception:  # the outermost door of this thread: without it a bug would stop every record
            log.exception("shipper.failed")
            return DOWN_PAUSE_SECONDS
        if self._down:
            log.info("shipper.redis_back", extra={"waiting": self._spool.waiting})
        self._down = False
        waited_for = any(sent.parts or sent.large for sent in self._sent.values())
        return SHORT_TICK_SECONDS if waited_for else TICK_SECONDS

    def turn(self, now: float) -> None:
        """Do what is due at `now`, in monotonic seconds; raises BrokerDown."""
        if now >= self._next_save:  # before anything that Redis can fail
            self._next_save = now + BEAT_SECONDS
            for spool in self._spools:
                spool.save()
        self.confirm(now)
        while self._begun:
            self._send_part(self._begun.popleft())
        if now >= self._next_look and not self._ending.is_set():
            self._next_look = now + LEFTOVERS_EVERY_SECONDS
            self._look_for_leftovers(now)
            self._broker.keep(self._sent)
        if now >= self._next_try:
            self._next_try = now + UNREADABLE_PAUSE_SECONDS
            for spool in self._spools:
                spool.try_again()
        if now >= self._next_ship or self._spool.ready >= MAX_RECORDS or self._ending.is_set():
            self._next_ship = now + LINGER_SECONDS
            self.ship()
        if now >= self._next_beat:
            self._next_beat = now + BEAT_SECONDS
            self._beat()

    def ship(self) -> None:
        """Send what is ready, a batch of each spool in turn, as far as unconfirmed batches allow; raises BrokerDown."""
        idle = 0
        while idle < len(self._spools) and len(self._sent) < MAX_UNCONFIRMED:
            spool = self._spools[0]
            self._spools.rotate(-1)
            idle = 0 if self._send_from(spool) else idle + 1

    def _send_from(self, spool: Spool) -> bool:
        """Send one batch; False if there is none, or if it can wait for the next process."""
        if self._ending.is_set() and spool is not self._spool:
            return False
        serials = spool.take(MAX_RECORDS, MAX_BYTES, self._may_go)
        try:
            if parts := parts_of(spool, serials):
                self._send_part(parts)
            else:
                self._send_batch(spool, serials)
        except OSError as error:
            spool.put_off(serials, error)
        except BaseException:
            spool.give_back(serials)
            raise
        return bool(serials)

    def _may_go(self, entry: Entry) -> bool:
        """Whether a record is sent now: a worker may read a large one for a second."""
        if entry.size <= MAX_BYTES:
            return True
        if any(sent.large for sent in self._sent.values()):
            return False
        in_parts = sum(sent.parts is not None for sent in self._sent.values()) + len(self._begun)
        return entry.response_size <= WHOLE_BYTES or in_parts < MAX_IN_PARTS

    def _send_batch(self, spool: Spool, serials: list[int]) -> None:
        writer, large = BatchWriter(self._compressor), spool.size_of(serials) > MAX_BYTES
        with Reading() as reading:
            readable = [serial for serial in serials if _add(writer, spool, serial, reading.read)]
        if readable:
            payload = writer.finish(spool.id, spool.accepted, spool.dropped, spool.bodies_dropped)
            self._sent[self._broker.send(payload)] = Sent(spool, readable, large=large)

    def _send_part(self, parts: Parts) -> None:
        try:
            with Reading() as reading:
                payload = encode_part(parts.take(reading.read), self._compressor)
            self._sent[self._broker.send(payload)] = Sent(parts.spool, [parts.serial], parts)
        except OSError as error:  # it begins anew
            parts.spool.put_off([parts.serial], error)
        except BaseException:
            parts.spool.give_back([parts.serial])
            raise

    def confirm(self, now: float) -> None:
        """Discard what was committed and take back what has to be sent again; raises BrokerDown."""
        ended: list[str] = []
        asked = list(self._sent.items())
        for (task_id, sent), state in zip(asked, self._broker.states([*self._sent]), strict=True):
            if state is State.WAITING:
                state = sent.state  # once taken, it does not wait again: others have filled the queue since
            if state is not sent.state:
                sent.state, sent.since = state, now
            if state is State.DONE:
                self._committed(sent)
            elif now - sent.since >= PATIENCE[state]:
                log.warning("shipper.sent_again", extra={"state": state.name, "records": len(sent.serials)})
                sent.spool.give_back(sent.serials)
            else:
                continue
            del self._sent[task_id]
            ended.append(task_id)
        self._broker.forget(ended)

    def _committed(self, sent: Sent) -> None:
        if sent.parts and sent.parts.more:
            self._begun.append(sent.parts)
        else:
            sent.spool.discard(sent.serials)
            if sent.large:
                self._next_ship = 0.0

    def _look_for_leftovers(self, now: float) -> None:
        """Ship what processes left behind that did not come back; let their directories go when all that can be read is shipped."""
        for spool in [spool for spool in self._spools if spool is not self._spool and spool.done]:
            self._beat_of(spool)
            self._spools.remove(spool)
            if not spool.whole:
                self._leftovers.put_off(spool.folder, now)
            spool.shut()
        self._spools += self._leftovers.claim(now)

    def _beat(self) -> None:
        for spool in self._spools:
            self._beat_of(spool)

    def _beat_of(self, spool: Spool) -> None:
        spool.save()
        self._broker.report(spool.id, spool.heartbeat())


def _add(writer: BatchWriter, spool: Spool, serial: int, read: Read) -> bool:
    """Whether the record could be read. It is let go of here: no other one is in memory beside it."""
    try:
        found = read_record(spool, serial, read)
    except OSError as error:
        spool.put_off([serial], error)
        return False
    if found:
        writer.add(found)
    return found is not None
