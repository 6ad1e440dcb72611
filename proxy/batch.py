"""A batch, or a part of a response, on its way to the worker: one msgpack value in zstd.

A batch is written record by record, in two zstd frames: what comes before the records, among it their number, and all from the
first record on. The second is made first, so that one record is in memory at once and not all of them with a copy or two of each.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import msgspec
import zstandard
from msgspec.structs import replace

from proxy.record import Batch, Part, Record, encode

# Level 1, because the proxy pays for it. Its window of 512 KiB forgets a request before the same conversation's next one comes.
_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(1, window_log=20)
_ARRAY, _BYTES = b"\xdd", b"\xc6"  # msgpack's marks with a length of four bytes
_FRAGMENT_BYTES = 256 * 1024
_TOGETHER_BYTES = 64 * 1024
MAX_BATCH_BYTES = 512 * 1024**2

_decode: Callable[[bytes], Batch | Part] = msgspec.msgpack.Decoder(Batch | Part).decode
_decode_batch = msgspec.msgpack.Decoder(Batch).decode


def new_compressor() -> zstandard.ZstdCompressor:
    """For one thread, which makes one batch at a time with it."""
    return zstandard.ZstdCompressor(compression_params=_PARAMETERS)


class BatchWriter:
    """One batch: `add` each record, then `finish`."""

    def __init__(self, compressor: zstandard.ZstdCompressor) -> None:
        self._compressor = compressor
        self._stream = compressor.compressobj()
        self._parts: list[bytes] = []
        self._small: list[bytes] = []
        self._small_size = 0
        self._count = 0

    def add(self, record: Record) -> None:
        """Bodies go into the compressor as they are: one may be tens of megabytes, and msgpack would copy it."""
        self._count += 1
        self._put(encode(replace(record, request_body=b"", response_body=b"")).removesuffix(encode(b"") * 2))
        for body in (record.request_body, record.response_body):
            self._put(_BYTES + _length(len(body)))
            self._put(body)

    def finish(self, spool: str, accepted: int, dropped: int, bodies_dropped: int) -> bytes:
        """The payload of the `Batch` of these and the added records."""
        self._put(encode(bodies_dropped))
        self._put_small()
        self._parts.append(self._stream.flush())
        before = encode(Batch(spool, accepted, dropped, [], 0)).removesuffix(encode([]) + encode(0))
        first = self._compressor.compress(before + _ARRAY + _length(self._count))
        return b"".join((first, *self._parts))

    def _put(self, data: bytes) -> None:
        """Small pieces go together: each call of the compressor lets go of Python's lock, which another thread then takes."""
        if len(data) < _TOGETHER_BYTES:
            self._small.append(data)
            self._small_size += len(data)
            if self._small_size >= _TOGETHER_BYTES:
                self._put_small()
        else:
            self._put_small()
            self._compress(data)

    def _put_small(self) -> None:
        self._compress(b"".join(self._small))
        self._small.clear()
        self._small_size = 0

    def _compress(self, data: bytes) -> None:
        if compressed := self._stream.compress(data):
            self._parts.append(compressed)


def _length(number: int) -> bytes:
    return number.to_bytes(4, "big")


def encode_batch(batch: Batch) -> bytes:
    """The payload of a batch that is in memory already."""
    writer = BatchWriter(new_compressor())
    for record in batch.records:
        writer.add(record)
    return writer.finish(batch.spool, batch.accepted, batch.dropped, batch.bodies_dropped)


def encode_part(part: Part, compressor: zstandard.ZstdCompressor) -> bytes:
    """The payload of a part. Its bytes go into the compressor as they are, as bodies do."""
    stream = compressor.compressobj()
    head = encode(replace(part, data=b"")).removesuffix(encode(b""))
    fragments = head + _BYTES + _length(len(part.data)), part.data
    return b"".join((*map(stream.compress, fragments), stream.flush()))


def decode(payload: bytes) -> Batch | Part:
    """What a payload holds; raises msgspec.DecodeError or zstandard.ZstdError on anything else."""
    return _decode(_plain(payload))


def decode_batch(payload: bytes) -> Batch:
    """The same where a part would be a mistake."""
    return _decode_batch(_plain(payload))


def _plain(payload: bytes) -> bytes:
    return b"".join(_fragments(payload))


def _fragments(payload: bytes) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor().stream_reader(payload, read_across_frames=True)
    yield from islice(iter(lambda: reader.read(_FRAGMENT_BYTES), b""), MAX_BATCH_BYTES // _FRAGMENT_BYTES)
