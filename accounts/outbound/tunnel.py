"""A connection through a proxy, by CONNECT (RFC 9110 §9.3.6): past it every byte is the destination's.

Steps of their own, so that `manage.py check_upstream` takes the very way that requests take and can say which one failed.
"""

import asyncio
import re
import ssl
from typing import cast

from accounts.outbound.proxies import Proxy, authority

MAX_HEAD_BYTES = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?![0-9])")
_SCHEMES = re.compile(rb"(?mi)^proxy-authenticate:[ \t]*([A-Za-z]+)")


class Unreachable(OSError):
    """No connection: `what` was seen, without any credential, and `action` says what to do."""

    def __init__(self, what: str, action: str) -> None:
        super().__init__(f"{what}: {action}")
        self.what = what
        self.action = action


class Line:
    """A connection to a proxy, not yet a tunnel: its transport, and a reader of what the proxy answers."""

    def __init__(self, proxy: Proxy, transport: asyncio.Transport, reader: asyncio.StreamReader) -> None:
        self.proxy = proxy
        self.transport = transport
        self._reader = reader

    @classmethod
    async def open(cls, proxy: Proxy, context: ssl.SSLContext) -> "Line":
        """Connect, with TLS to an https proxy; `context` says whom to trust. Raises Unreachable."""
        reader = asyncio.StreamReader(limit=MAX_HEAD_BYTES)
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: asyncio.StreamReaderProtocol(reader),
                proxy.host,
                proxy.port,
                ssl=context if proxy.scheme == "https" else None,
            )
        except OSError as error:
            action = "correct its address or ask who runs it"
            if isinstance(error, ssl.SSLError):
                action = tls_advice(error)
            raise Unreachable(f"the proxy {proxy} cannot be reached ({reason(error)})", action) from error
        return cls(proxy, transport, reader)

    async def connect(self, host: str, port: int) -> None:
        """Have the proxy lead to the destination. Raises Unreachable."""
        self.transport.write(_request(self.proxy, authority(host, port)))
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (EOFError, asyncio.LimitOverrunError, OSError) as error:
            raise self._no_http() from error
        found = _STATUS.match(head)
        if not found:
            raise self._no_http()
        status = found[1].decode()
        if not status.startswith("2"):
            action = _advice(status, head, authority(host, port))
            raise Unreachable(f"the proxy {self.proxy} answered CONNECT with {status}", action)

    def _no_http(self) -> Unreachable:
        action = "see that it is an HTTP proxy"
        return Unreachable(f"the proxy {self.proxy} did not answer CONNECT with HTTP", action)

    async def hand_over(
        self, protocol: asyncio.Protocol, host: str, context: ssl.SSLContext | None
    ) -> asyncio.Transport:
        """Let `protocol` speak with the destination, by TLS where there is a context. Raises Unreachable."""
        transport = self.transport
        if context:
            try:
                transport = cast(
                    asyncio.Transport,
                    await asyncio.get_running_loop().start_tls(
                        transport, protocol, context, server_hostname=host
                    ),
                )
            except OSError as error:
                what = f"no TLS with {host} through the proxy {self.proxy} ({reason(error)})"
                raise Unreachable(what, tls_advice(error)) from error
        else:
            transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return transport


async def open_tunnel(
    proxy: Proxy,
    destination: tuple[str, int],
    protocol: asyncio.Protocol,
    *,
    trusted: ssl.SSLContext,
    context: ssl.SSLContext | None,
) -> None:
    """Connect `protocol` with a (host, port) through the proxy; `trusted` is for the proxy, `context` for the destination.

    Raises Unreachable. Has no time limit of its own; when it is cancelled, the connection is cut.
    """
    line = await Line.open(proxy, trusted)
    try:
        await line.connect(*destination)
        await line.hand_over(protocol, destination[0], context)
    except BaseException:
        line.transport.abort()
        raise


def reason(error: OSError) -> str:
    """What went wrong, in the system's words without its numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return error.strerror or str(error) or type(error).__name__


def tls_advice(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "put the authority that signed it, as of a proxy that inspects TLS, into the file that SSL_CERT_FILE names"
    return "ask who runs the network whether something between cuts TLS"


def _request(proxy: Proxy, target: str) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode()


def _advice(status: str, head: bytes, target: str) -> str:
    if status == "407":
        offered = {scheme.decode().lower() for scheme in _SCHEMES.findall(head)}
        if offered and "basic" not in offered:
            return (
                f"it asks for {', '.join(sorted(offered))}, Nexus signs in with Basic only: ask for an account or an address that "
                "is let through, or run a local proxy that signs in"
            )
        return "it wants credentials, or others: set UPSTREAM_PROXY=http://user:password@host:port"
    if status == "403":
        return f"it does not allow {target}: ask who runs it to allow that, or list the host in NO_PROXY"
    if status in {"502", "503", "504"}:
        return f"it cannot reach {target} itself: ask who runs it"
    return f"ask who runs it why it does not lead to {target}"
