"""Open and close the spool's files with descriptors that nobody else in the process can take.

Clients and connections upstream may take every descriptor up to the soft limit (RLIMIT_NOFILE). The spool goes past it: it raises
the limit for the moment of one open, and a descriptor stays valid when the limit is back. Raises OSError like `os`.
"""

import errno
import os
import resource
import threading
from contextlib import suppress
from pathlib import Path

# The spool holds fewer at a time: a batch's files (`reading`), the active segment, `counts`, a copy of damaged bytes.
RESERVED = 64
_raising = threading.Lock()


def reserve() -> None:
    """Keep RESERVED descriptors between the soft and the hard limit; once for each process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard - soft < RESERVED:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard - RESERVED, hard // 2), hard))


def open_file(path: Path, flags: int) -> int:
    """A descriptor for a file, which only its owner may read if it is made."""
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
    with _raising:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        above = soft + RESERVED
        _limit(above if hard == resource.RLIM_INFINITY else min(above, hard), hard)
        try:
            return os.open(path, flags | os.O_CLOEXEC, 0o600)
        finally:
            _limit(soft, hard)


def _limit(soft: int, hard: int) -> None:
    with suppress(ValueError, OSError):  # an operator has lowered the hard one meanwhile
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def close(descriptor: int) -> None:
    """Let go of it. The kernel does so also where it reports an error, and whoever reads checks what was written."""
    with suppress(OSError):
        os.close(descriptor)


def write_file(path: Path, content: bytes) -> None:
    """Make a file that holds this and nothing else; what it held before is gone, also where the disk then refuses."""
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        written = 0
        while written < len(content):
            written += os.pwrite(descriptor, memoryview(content)[written:], written)
    finally:
        close(descriptor)


def read_file(path: Path, most: int) -> bytes:
    """The first `most` bytes of a file."""
    descriptor = open_file(path, os.O_RDONLY)
    try:
        return read_at(descriptor, most, 0)
    finally:
        close(descriptor)


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """So many bytes from an offset on, fewer only where the file ends."""
    data = os.pread(descriptor, length, offset)
    while len(data) < length and (more := os.pread(descriptor, length - len(data), offset + len(data))):
        data += more
    return data
