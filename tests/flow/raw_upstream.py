"""An API that breaks every rule: a bare socket server whose answers are exactly the bytes that a test gives it."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

NAME = b"x-play"


@dataclass
class RawUpstream:
    """`answers` maps the value of a request's `x-play` header to the writes of its answer; then the connection closes.

    An answer whose last write is KEEP leaves the connection open for the next request.
    """

    url: str
    responses: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    received: list[tuple[str, bytes]] = field(default_factory=list)

    def count(self, key: str) -> int:
        """How often a request came with this `x-play`."""
        return [name for name, _ in self.received].count(key)


KEEP = b"(keep the connection)"


class _Handler(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        upstream = self.server.upstream
        while head := self._head():
            length = int(head.get(b"content-length", b"0"))
            body = self.rfile.read(length)
            key = head.get(NAME, b"").decode()
            upstream.received.append((key, body))
            if not self._play(upstream.responses[key]):
                return

    def _head(self) -> dict[bytes, bytes]:
        fields = {}
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            name, _, value = line.partition(b":")
            fields[name.strip().lower()] = value.strip()
        return fields

    def _play(self, fragments: tuple[bytes, ...]) -> bool:
        """Write the pieces, each as a packet of its own; whether the connection stays open."""
        for fragment in fragments:
            if fragment == KEEP:
                return True
            try:
                self.wfile.write(fragment)
                self.wfile.flush()
            except OSError:
                return False
            time.sleep(0.01)
        return False


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    upstream: RawUpstream


@contextmanager
def serve() -> Iterator[RawUpstream]:
    """Serve on a free port while the context is open."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.upstream = RawUpstream(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.upstream
        server.shutdown()
        thread.join()
