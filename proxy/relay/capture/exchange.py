"""One exchange on its way: a bounded copy of what passes, into the spool, and exactly one outcome.

A response that outgrows its bound is recorded by its size and digest, and that is no loss. Each one that goes to disk in pieces is
hashed on its way, because nobody knows at its beginning how long it will be.

Large bodies are written from a thread, so that one client's 20 MB does not hold up the others' streams.
"""

import asyncio
from array import array
from collections.abc import Callable, Iterable
from hashlib import sha256
from operator import add
from time import monotonic, time

from uuid_utils import uuid7

from proxy import record
from proxy.live_events import Event, Kind
from proxy.record import Closing, Head, HeaderPairs, Payment
from proxy.relay.capture.estimate import OutputEstimate
from proxy.relay.capture.upload import UploadRecord
from proxy.relay.spool.bounds import MAX_RECORD_BYTES, length_of, response_bound
from proxy.relay.spool.record import Entry
from proxy.relay.spool.spool import Spool
from proxy.wire.sniff import Sniffer, model_of

SPILL_BYTES = 64 * 1024
LARGE_BYTES = 256 * 1024
TAIL_BYTES = 4
MAX_CHUNKS = 20_000  # of a very long stream the earlier ones are reported in pairs


class Exchange:
    """Made at the door, `open`ed before the request goes upstream, `feed`ed each chunk, `finish`ed once, in every exit path."""

    def __init__(self, spool: Spool | None, on_end: Callable[["Exchange"], None]) -> None:
        self.id = str(uuid7())
        self.started_at = time()
        self.domain = ""
        self.model = ""
        self.outcome = ""
        self.status = 0
        self.headers: HeaderPairs = []
        self.client_gone = False
        self.stopped_by = ""
        self.payment: Payment | None = None
        self.left_organisation = ""
        # The domain and the credential (`AccessCredential.key`) to which the ids of its response belong, where that matters.
        self.gives_for: tuple[str, str] | None = None
        self._sniffer = Sniffer()
        self._estimate = OutputEstimate()
        self._clock = monotonic()
        self._spool = spool
        self._entry: Entry | None = None
        self._spilled_size = 0
        self._unseen: list[bytes] = []
        self._pending: list[bytes] = []  # looked at, and not on disk yet
        self._pending_size = 0  # of both
        self._spilled_end = b""
        self._dropped = False
        self._not_kept = False
        self._head: Head | None = None
        self._bound = MAX_RECORD_BYTES
        self._sha256 = sha256()
        self._chunk_at = array("d")  # two arrays take a sixth of the memory of a list of pairs
        self._chunk_bytes = array("Q")
        self._on_end = on_end
        self._upload: UploadRecord | None = None

    @property
    def elapsed_ms(self) -> float:
        return _milliseconds(self._clock, [monotonic()])[0]

    @property
    def seconds_since_first_byte(self) -> float:
        """0 before it."""
        return monotonic() - self._chunk_at[0] if self._chunk_at else 0.0

    async def open(self, head: Head, body: bytes) -> None:
        """Put the request on disk; storage trouble neither fails nor delays it."""
        self.domain = head.domain
        self._head = head
        self.model = model_of(body)
        if self._spool is None:
            return
        if len(body) <= LARGE_BYTES:
            self._entry = self._spool.open(record.encode(head), body)
            return
        # The entry is known before the wait: a client that leaves meanwhile is recorded as well.
        self._entry = self._spool.open(record.encode(head), b"")
        await asyncio.to_thread(self._spool.add_body, self._entry, body)

    def expect_request(self, announced: int | None) -> None:
        """The request's body follows piece by piece; `announced` is its length in bytes where that is known."""
        self._upload = UploadRecord(self._spool, self._entry, announced)

    def feed_request(self, chunk: bytes) -> None:
        """A piece of the request that is passed on."""
        if self._upload:
            if not self._upload.size:
                self.model = model_of(chunk)
            self._upload.feed(chunk)

    def answered(self, status: int, headers: HeaderPairs) -> None:
        """Upstream's head arrived."""
        self.status = status
        self.headers = headers
        if self._head:
            request_bytes = UploadRecord.bound() if self._upload else self._head.body_size
            self._bound = response_bound(self._head, status, headers, request_bytes)
            # What is known to be too long from the beginning takes no room on the disk.
            has_body = self._head.method != "HEAD" and status not in (204, 304)
            self._not_kept = has_body and length_of(headers) > self._bound

    def feed(self, chunk: bytes) -> None:
        """A piece of the answer, as the network gave it: a stream has thousands, so they are looked at together, and later."""
        self._chunk_at.append(monotonic())
        self._unseen.append(chunk)
        self._pending_size += len(chunk)
        if self._pending_size >= SPILL_BYTES:
            self._spill()

    @property
    def size(self) -> int:
        """Bytes of the answer so far."""
        return self._spilled_size + self._pending_size

    @property
    def tail(self) -> bytes:
        """Its last TAIL_BYTES so far."""
        self._look()
        return (self._spilled_end + b"".join(self._pending))[-TAIL_BYTES:]

    @property
    def sniffer(self) -> Sniffer:
        """What the answer tells so far."""
        self._look()
        return self._sniffer

    def _look(self) -> bytes:
        """Look at the pieces that came since the last time; they become one, which is returned."""
        if not self._unseen:
            return b""
        self._chunk_bytes.extend(map(len, self._unseen))
        while len(self._chunk_bytes) >= MAX_CHUNKS:
            self._merge_chunks()
        joined = b"".join(self._unseen)
        self._unseen.clear()
        self._pending.append(joined)
        self._sniffer.feed(joined)
        return joined

    def _merge_chunks(self) -> None:
        """Bound the memory of a stream: two neighbours become one, at the time of the first."""
        self._chunk_at = self._chunk_at[::2]
        sizes = self._chunk_bytes
        second = [*sizes[1::2], 0]  # of an odd number the last stays alone
        self._chunk_bytes = array("Q", map(add, sizes[::2], second))

    def _spill(self) -> None:
        """Put what is pending on disk, where it is recorded."""
        data = self._take_pending()
        if self._spool and self._entry:
            self._sha256.update(data)
            if self._is_recorded():
                self._dropped = not self._spool.append(self._entry, data)

    def _is_recorded(self) -> bool:
        """Whether what came up to now belongs on disk."""
        if not self._dropped:
            self._not_kept = self._not_kept or self.size > self._bound
        return not (self._dropped or self._not_kept)

    def _take_pending(self) -> bytes:
        """What is in memory of the answer, from here on in the caller's hands."""
        self._look()
        data = b"".join(self._pending)
        self._spilled_end = data[-TAIL_BYTES:]
        self._pending.clear()
        self._spilled_size += self._pending_size
        self._pending_size = 0
        return data

    def finish(self, outcome: str, error_type: str = "", error_message: str = "") -> None:
        """Close the record; only the first call counts."""
        if self.outcome:
            return
        self.outcome = outcome
        rest = self._take_pending()
        if self._spool and self._entry:
            kept = self._is_recorded()
            if self._not_kept:
                self._sha256.update(rest)
            closing = record.encode(self._closing(error_type, error_message))
            self._spool.close(self._entry, rest if kept else b"", closing)
        self._on_end(self)

    def _closing(self, error_type: str, error_message: str) -> Closing:
        moments = _milliseconds(self._clock, self._chunk_at)
        chunks = list(zip(moments, self._chunk_bytes, strict=True))
        upload = self._upload
        return Closing(
            outcome=self.outcome,
            status=self.status,
            headers=self.headers,
            first_byte_ms=chunks[0][0] if chunks else None,
            duration_ms=self.elapsed_ms,
            chunks=chunks,
            error_type=error_type,
            error_message=error_message,
            response_size=self.size,
            payment=self.payment,
            response_not_kept=self._not_kept,
            response_digest=self._sha256.digest() if self._not_kept else b"",
            request_size=upload.size if upload else None,
            request_not_kept=upload is not None and upload.not_kept,
            request_digest=upload.digest if upload else b"",
            left_organisation=self.left_organisation,
        )

    def event(self, kind: Kind) -> Event:
        """Where it stands, for whoever watches live."""
        self._estimate.see(self._look())
        seen = self._sniffer
        counts = seen.counts
        elapsed = self.elapsed_ms
        event = Event(
            kind=kind,
            id=self.id,
            domain=self.domain,
            model=seen.model or self.model,
            started_at=self.started_at,
            elapsed_ms=round(elapsed),
            input_tokens=counts.input,
            output_tokens=counts.output,
            tools=seen.tool_calls,
            bytes=self.size,
            session_id=self._header("x-claude-code-session-id"),
            agent_id=self._header("x-claude-code-agent-id"),
            first_byte_ms=next(iter(_milliseconds(self._clock, self._chunk_at[:1])), None),
            silent_ms=round(elapsed - next(iter(_milliseconds(self._clock, self._chunk_at[-1:])), 0)),
            prompt_tokens=counts.prompt,
            client_key=self._head.client_key if self._head else "",
            estimated_tokens=self._estimate.tokens(self.size),
        )
        if self.outcome:
            event["outcome"] = self.outcome
            event["status"] = self.status
        if self.stopped_by:
            event["stopped_by"] = self.stopped_by
        return event

    def _header(self, name: str) -> str:
        """The first of this name in its request, "" without one."""
        headers = self._head.headers if self._head else []
        return next((value for header, value in headers if header.lower() == name), "")


def _milliseconds(since: float, moments: Iterable[float]) -> list[float]:
    """From one moment of the monotonic clock to later ones, with one decimal: `round` takes three times as long."""
    return [int((moment - since) * 10_000 + 0.5) / 10 for moment in moments]
