"""A kernel that refuses: each system call of the spool can be made to fail, with each error that it can give."""

import errno
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

# ENOENT is not among them: it says that the file was deleted.
_DISK = (errno.EIO, errno.EINTR, errno.ESTALE, errno.ENOMEM)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_NAMES = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR)
_OPEN = (errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ENXIO, errno.EOVERFLOW, errno.ETXTBSY, errno.EBUSY)

# What each call can give (man 2, and what network file systems add).
ERRORS: dict[str, tuple[int, ...]] = {
    "open": (*_DISK, *_FULL, *_NAMES, *_OPEN),
    "io.open": (*_DISK, *_NAMES, *_OPEN),
    "close": (*_DISK, *_FULL),
    "pread": (*_DISK, errno.EACCES, errno.EAGAIN, errno.EISDIR, errno.EINVAL, errno.EBADF),
    "pwrite": (*_DISK, *_FULL, errno.EAGAIN, errno.EBADF),
    "pwritev": (*_DISK, *_FULL, errno.EAGAIN, errno.EBADF),
    "ftruncate": (*_DISK, *_FULL, errno.EPERM, errno.ETXTBSY, errno.EBADF),
    "fstat": (*_DISK, errno.EBADF, errno.EOVERFLOW),
    "stat": (*_DISK, *_NAMES, errno.EOVERFLOW),
    "unlink": (*_DISK, *_NAMES, errno.EROFS, errno.EBUSY, errno.EISDIR),
    "mkdir": (*_DISK, *_FULL, *_NAMES, errno.EMLINK),
    "listdir": (*_DISK, *_NAMES, errno.EMFILE, errno.ENFILE),
    "flock": (errno.ENOLCK, errno.EINTR, errno.EWOULDBLOCK, errno.EBADF, errno.EINVAL),
}
_MODULES: dict[str, ModuleType] = {"flock": fcntl, "io.open": io}


class Kernel:
    """Counts the calls; `fail` says which ones fail from now on, until `fix`."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = dict.fromkeys(ERRORS, 0)
        self.failed = 0
        self._name = ""
        self._number = 0
        self._places: range = range(0)

    def fail(self, name: str, number: int, places: range) -> None:
        """Those calls of `name`, counted from here, give the error `number`."""
        self._name, self._number = name, number
        self._places = range(self.calls[name] + places.start, self.calls[name] + places.stop)

    def fix(self) -> None:
        self._name = ""

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            place = self.calls[name]
            self.calls[name] += 1
            if name != self._name or place not in self._places:
                return real(*arguments, **options)
            self.failed += 1
            if name == "close":  # the kernel lets go of it all the same
                real(*arguments)
            if name == "pwritev" and place % 2:  # what a full disk does
                descriptor, buffers, offset = arguments
                return real(descriptor, [b"".join(buffers)[: sum(map(len, buffers)) // 2]], offset)
            raise OSError(self._number, os.strerror(self._number))

        return call


@contextmanager
def kernel() -> Iterator[Kernel]:
    """Within, every call of `ERRORS` passes it."""
    made = Kernel()
    with pytest.MonkeyPatch.context() as patch:
        for name in ERRORS:
            module, function = _MODULES.get(name, os), name.rpartition(".")[2]
            patch.setattr(module, function, made.wrapped(name, getattr(module, function)))
        yield made
