"""A disk that fails with EIO while a test wants it: real calls of a real process, refused below Python (`faulty_disk.c`)."""

import mmap
from enum import IntFlag
from pathlib import Path

from nexus_project import env
from tests.bench.build import compiled

LIBRARY = env.BASE_DIR / "var" / "chaos" / "faulty_disk.so"
_BYTES = 16
_COUNT = slice(8, 16)


class Failing(IntFlag):
    """What fails."""

    NOTHING = 0
    READS = 1
    WRITES = 2
    BOTH = 3


class FaultyDisk:
    """The disk of the processes that are started with `environment`, below `folder`; raises BenchError without a C compiler."""

    def __init__(self, folder: Path, switch: Path) -> None:
        compiled(Path(__file__).with_name("faulty_disk.c"), LIBRARY, "-shared", "-fPIC", "-ldl")
        switch.write_bytes(bytes(_BYTES))
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAULTY_DISK_FOLDER": str(folder),
            "FAULTY_DISK_SWITCH": str(switch),
        }
        with switch.open("r+b") as file:
            self._state = mmap.mmap(file.fileno(), _BYTES)

    def fail(self, what: Failing) -> None:
        """From now on, at once."""
        self._state[0] = what

    @property
    def failed(self) -> int:
        """How many calls gave EIO so far."""
        return int.from_bytes(self._state[_COUNT], "little")
