"""A raw HTTP client: what a test sends and reads is exactly these bytes."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class WireResponse:
    """Status, header pairs as they came, and the body as it came, chunked framing taken off; `whole` tells if it ended properly."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    whole: bool

    def values(self, name: str) -> list[bytes]:
        return [value for found, value in self.headers if found.lower() == name.encode()]

    def value(self, name: str) -> str:
        return b", ".join(self.values(name)).decode()


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def request_bytes(
    method: str, target: str, headers: list[tuple[str, bytes]], body: bytes = b"", host: str = "api.example"
) -> bytes:
    """A request exactly as given, with Host first and the length last."""
    lines = [f"{method} {target} HTTP/1.1".encode(), b"host: " + host.encode()]
    lines += [name.encode() + b": " + value for name, value in headers]
    lines.append(b"content-length: " + str(len(body)).encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def send(url: str, data: bytes, *, head_only: bool = False) -> WireResponse:
    """One request on a connection of its own."""
    with connect(url) as connection:
        connection.sendall(data)
        return read_response(connection.makefile("rb"), head_only=head_only)


def send_what_is_taken(connection: socket.socket, data: bytes) -> None:
    """Send on until the other side does not take any more: whether it answered first is read then."""
    with suppress(ConnectionError):
        connection.sendall(data)


def read_response(file: BinaryIO, *, head_only: bool = False) -> WireResponse:
    """Read one answer, to its end or to the end of the connection; `head_only` for the answer to a HEAD."""
    status_line, headers = _read_head(file)
    while status_line.split()[1] == b"100":
        status_line, headers = _read_head(file)
    status = int(status_line.split()[1])
    names = {name.lower(): value for name, value in headers}
    if head_only or status in {204, 304}:
        body, whole = b"", True
    elif b"content-length" in names:
        body = file.read(int(names[b"content-length"]))
        whole = len(body) == int(names[b"content-length"])
    else:
        body, whole = _read_chunks(file) if b"transfer-encoding" in names else (file.read(), True)
    return WireResponse(status, headers, body, whole)


def _read_head(file: BinaryIO) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    status_line = file.readline()
    headers = []
    while (line := file.readline()) not in {b"\r\n", b""}:
        name, _, value = line.partition(b":")
        headers.append((name, value.strip(b" \r\n")))
    return status_line, headers


def _read_chunks(file: BinaryIO) -> tuple[bytes, bool]:
    parts = []
    while line := file.readline():
        size = int(line, 16)
        fragment = file.read(size)
        parts.append(fragment or b"")
        file.readline()
        if size == 0:
            return b"".join(parts), True
    return b"".join(parts), False
