"""A kernel that refuses: each system call of the spool can be made to fail, with each error that it can give."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

# Neither ENOENT nor EEXIST is among them: they say that the file was deleted, or that somebody made it.
_DISK = (errno.EIO, errno.EINTR, errno.ESTALE, errno.ENOMEM)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_NAMES = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR)
_OPEN = (
    *(errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ENXIO, errno.EOVERFLOW, errno.ETXTBSY, errno.EBUSY),
    *(errno.EISDIR, errno.EINVAL, errno.EOPNOTSUPP, errno.EAGAIN),
)
_PLACE = (errno.ENXIO, errno.EOVERFLOW, errno.ESPIPE, errno.EINVAL, errno.EBADF, errno.EAGAIN)
_LIST = (*_DISK, *_NAMES, errno.EMFILE, errno.ENFILE, errno.EBADF, errno.EINVAL)

# What each call can give (man 2, and what network file systems add).
ERRORS: dict[str, tuple[int, ...]] = {
    "open": (*_DISK, *_FULL, *_NAMES, *_OPEN),
    "close": (*_DISK, *_FULL, errno.EBADF),
    "pread": (*_DISK, *_PLACE, errno.EACCES, errno.EISDIR),
    "pwrite": (*_DISK, *_FULL, *_PLACE, errno.EPERM),
    "pwritev": (*_DISK, *_FULL, *_PLACE, errno.EPERM),
    "ftruncate": (*_DISK, *_FULL, errno.EPERM, errno.ETXTBSY, errno.EBADF, errno.EINVAL, errno.EACCES),
    "fstat": (*_DISK, errno.EBADF, errno.EOVERFLOW),
    "stat": (*_DISK, *_NAMES, errno.EOVERFLOW),
    "unlink": (*_DISK, *_NAMES, errno.EROFS, errno.EBUSY, errno.EISDIR),
    "mkdir": (*_DISK, *_FULL, *_NAMES, errno.EMLINK, errno.EINVAL),
    "listdir": _LIST,  # Path.iterdir up to Python 3.12
    "scandir": _LIST,  # and since
    "flock": (*_DISK, errno.ENOLCK, errno.EWOULDBLOCK, errno.EBADF, errno.EINVAL, errno.EOPNOTSUPP),
}
# What is only called behind the failure of another call: that one fails as well.
BEHIND: dict[str, tuple[str, int, range]] = {"ftruncate": ("pwritev", errno.ENOSPC, range(2, 9))}
_MODULES: dict[str, ModuleType] = {"flock": fcntl}


class Kernel:
    """Counts the calls; `fail` says which ones fail from now on, until `fix`."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = dict.fromkeys(ERRORS, 0)
        self.failed: dict[str, int] = dict.fromkeys(ERRORS, 0)
        self._failing: dict[str, tuple[int, range]] = {}

    def fail(self, name: str, number: int, positions: range) -> None:
        """Those calls of `name`, counted from here, give the error `number`; no others do any longer."""
        self.fix()
        self.fail_too(name, number, positions)

    def fail_too(self, name: str, number: int, positions: range) -> None:
        """The same beside what fails already."""
        first = self.calls[name]
        self._failing[name] = number, range(first + positions.start, first + positions.stop)

    def fix(self) -> None:
        self._failing.clear()

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            position = self.calls[name]
            self.calls[name] += 1
            number, positions = self._failing.get(name, (0, range(0)))
            if position not in positions:
                return real(*arguments, **options)
            self.failed[name] += 1
            if name == "close":  # the kernel lets go of it all the same
                real(*arguments)
            if name == "pwritev" and position % 2:  # what a full disk does
                descriptor, buffers, offset = arguments
                return real(descriptor, [b"".join(buffers)[: sum(map(len, buffers)) // 2]], offset)
            raise OSError(number, os.strerror(number))

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
