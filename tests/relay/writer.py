"""A process that writes exchanges until it is killed, and says of each what it has done: `python -m tests.relay.writer FOLDER`."""

import os
import sys
from pathlib import Path

from proxy.relay.spool import files as module
from proxy.relay.spool.spool import Spool

LIMIT = 256 * 1024**2


def main() -> None:
    """What is opened or closed is said after the fact, what is confirmed before it: a kill can only hide too little."""
    module.SEGMENT_BYTES = 100_000
    spool = Spool(Path(sys.argv[1]), LIMIT)
    while True:
        opened = spool.open(b"head", os.urandom(300))
        report("open", opened.serial)
        if opened.serial % 3 == 0:
            spool.add_body(opened, os.urandom(20_000))
        spool.append(opened, fragment_of(opened.serial))
        if opened.serial % 7:
            spool.close(opened, b"", b"closing")
            report("closed", opened.serial)
        if spool.ready > 20:
            batch = spool.take(10, 10**6)
            report("confirmed", *batch)
            spool.discard(batch)


def fragment_of(serial: int) -> bytes:
    """The answer that belongs to an exchange."""
    return b"piece" * (serial % 3000)


def report(word: str, *serials: int) -> None:
    os.write(1, (" ".join([word, *map(str, serials)]) + "\n").encode())


if __name__ == "__main__":
    main()
