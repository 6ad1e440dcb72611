"""What ASGI hides and a stand-in for the API must see: the raw target, and the connection itself."""

from asyncio import Transport
from dataclasses import dataclass
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from nexus_project.demo.serving import Scope

EXTENSION = "nexus.connection"


@dataclass(slots=True)
class Connection:
    """The request's line and headers byte for byte, and the power to hang up."""

    transport: Transport
    target: bytes
    headers: list[tuple[bytes, bytes]]

    def cut(self) -> None:
        """Send what is buffered, then close without ending the answer."""
        self.transport.close()


class ConnectionProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with the connection added to each request's scope."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.exact = Connection(self.transport, b"", [])
        cast("Scope", self.scope)["extensions"] = {EXTENSION: self.exact}

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self.exact.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self.exact.headers.append((name, value))


def connection_of(scope: Scope) -> Connection:
    """Return the connection that carries this request; the server must use `ConnectionProtocol`."""
    connection: Connection = scope["extensions"][EXTENSION]
    return connection
