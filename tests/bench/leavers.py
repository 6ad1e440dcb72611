"""Clients that do not behave: they leave in the middle of a stream, or never read one."""

import socket
import threading
from pathlib import Path

from tests.bench.workloads import write_request

PAUSE_SECONDS = 0.05
READ_BYTES = 4096


class Leavers:
    """While the context is open: ask for a stream, read its beginning, leave, again and again.

    `left` counts those whose stream had begun, so that the proxy had accepted them.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self._port, self._request = port, request(folder, port, events=100, apart=5)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._leave)
        self.left = 0

    def __enter__(self) -> "Leavers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _leave(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            with stalled(self._port, self._request) as connection:
                self.left += connection.recv(READ_BYTES).startswith(b"HTTP/1.1 200")


def stalled(port: int, asked: bytes) -> socket.socket:
    """A connection that has asked and does not read."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(asked)
    return connection


def request(folder: Path, port: int, events: int, apart: float = 0) -> bytes:
    """A whole request for a stream."""
    path = folder / "leaver.http"
    write_request(path, 400, port, events, apart)
    return path.read_bytes()
