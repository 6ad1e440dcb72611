"""A disk that refuses, for real: the kernel's limit of a file's size."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Within, a write that passes `size` bytes of its file is cut there, and the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def bytes_of_segments(folder: Path) -> int:
    """What the spool's files take."""
    return sum(path.stat().st_size for path in folder.glob("*.seg"))


def newest_segment(folder: Path) -> Path:
    return max(folder.glob("*.seg"))


def open_descriptors() -> int:
    """How many this process holds."""
    return sum(1 for _ in Path("/dev/fd").iterdir())
