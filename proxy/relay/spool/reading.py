"""Read the frames of a batch by few system calls.

Each call lets go of Python's lock (GIL), which the event loop's thread takes at once: a record read frame by frame cost it a dozen
switches between the two threads.
"""

import os
from functools import partial
from types import TracebackType
from typing import Self

from proxy.relay.spool import descriptors
from proxy.relay.spool.segments import Frame, StoredFile

WINDOW_BYTES = 64 * 1024
# Of those that the spool has for itself (`descriptors`); a batch may lie in a hundred files.
MOST_DESCRIPTORS = 16


class Reading:
    """Frames that were on disk before it began, read within `with`. It holds one window of one file, and a few files open."""

    def __init__(self) -> None:
        self._descriptors: dict[StoredFile, int] = {}
        self._file: StoredFile | None = None
        self._start = 0
        self._window = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in self._descriptors.values():
            descriptors.close(descriptor)

    def read(self, file: StoredFile, frame: Frame) -> bytes | None:
        """A frame's payload; None if the disk no longer holds what was written. Raises OSError where it cannot be read now."""
        return file.payload(frame, partial(self._pread, file))

    def _pread(self, file: StoredFile, length: int, offset: int) -> bytes:
        if length > WINDOW_BYTES // 2:  # a large body: a window would only copy it once more
            return descriptors.read_at(self._descriptor(file), length, offset)
        begin = offset - self._start
        if file is not self._file or begin < 0 or begin + length > len(self._window):
            window = os.pread(self._descriptor(file), WINDOW_BYTES, offset)
            if len(window) < length:
                window = descriptors.read_at(self._descriptor(file), length, offset)
            self._file, self._start, self._window, begin = file, offset, window, 0
        return self._window[begin : begin + length]

    def _descriptor(self, file: StoredFile) -> int:
        """Never the writer's: it may be closed meanwhile, and its number may be another file's by then."""
        if file not in self._descriptors:
            if len(self._descriptors) >= MOST_DESCRIPTORS:
                descriptors.close(self._descriptors.pop(next(iter(self._descriptors))))
            self._descriptors[file] = descriptors.open_file(file.path, os.O_RDONLY)
        return self._descriptors[file]
