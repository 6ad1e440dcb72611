"""Whether a destination can be reached, step by step: `manage.py check_upstream`. Costs nothing and spends no credential."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from accounts.outbound import trust
from accounts.outbound.proxies import Proxy, Route, authority, port_of, route_to
from accounts.outbound.tunnel import MAX_HEAD_BYTES, Line, Unreachable, reason, tls_advice

_HEAD = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?![0-9])")
_HTML = re.compile(rb"(?mi)^content-type:[ \t]*text/html")


@dataclass(frozen=True, slots=True)
class Destination:
    """What is checked: `question` is the request line's method and target, which is answered without cost.

    `wants_json` is for the API: a page of HTML in place of JSON comes from something between.
    """

    purpose: str
    setting: str
    url: str
    question: str = "HEAD /"
    wants_json: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way; `what` was seen, and `action` is what to do where it failed."""

    name: str
    good: bool
    what: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The way to one destination and how far it leads: the last step is the one that failed, if any did."""

    purpose: str
    destination: str
    proxy: str
    why: str
    certificates: str
    steps: tuple[Step, ...]

    @property
    def good(self) -> bool:
        return self.steps[-1].good


async def check(destination: Destination, seconds: float) -> Result:
    """Go the way that Nexus's own requests to the destination go, at most so long for each step."""
    route = route_to(destination.url)
    probe = _Probe(destination, route, trust.context())
    steps: list[Step] = []
    try:
        for name, take in probe.steps():
            steps.append(await _taken(name, take, seconds))
            if not steps[-1].good:
                break
    finally:
        probe.close()
    return Result(
        destination.purpose,
        f"{probe.scheme}://{authority(probe.host, probe.port)}",
        str(route.proxy or ""),
        route.why,
        trust.shown(),
        tuple(steps),
    )


async def _taken(name: str, take: Callable[[], Awaitable[str]], seconds: float) -> Step:
    try:
        async with asyncio.timeout(seconds):
            return Step(name, True, await take())
    except TimeoutError:
        action = "see whether a firewall drops it, and whether a proxy is needed (UPSTREAM_PROXY)"
        return Step(name, False, f"nothing came within {seconds:g} s", action)
    except Unreachable as error:
        return Step(name, False, error.what, error.action)


class _Probe:
    """One way being gone. Each step returns what was seen; it raises Unreachable."""

    def __init__(self, destination: Destination, route: Route, context: ssl.SSLContext) -> None:
        parts = urlsplit(destination.url)
        self.scheme, self.host, self.port = parts.scheme, parts.hostname or "", port_of(parts)
        self._destination = destination
        method, _, target = destination.question.partition(" ")
        # A webhook's path is a secret, and only the API's address has a prefix that its paths stand below.
        self._question = f"{method} {parts.path if destination.wants_json else ''}{target}"
        self._host_header = parts.netloc.rpartition("@")[2]
        self._proxy = route.proxy
        self._context = context
        self._near = (route.proxy.host, route.proxy.port) if route.proxy else (self.host, self.port)
        self._transport: asyncio.Transport | None = None
        self._line: Line | None = None
        self._reader = asyncio.StreamReader(limit=MAX_HEAD_BYTES)

    def steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        """What there is to do on this way, in order."""
        tunnel = [("proxy", self._open_line), ("connect", self._connect)] if self._proxy else []
        direct = [] if self._proxy else [("tcp", self._tcp)]
        tls = [("tls", self._tls)] if self.scheme == "https" else []
        return [("dns", self._dns), *direct, *tunnel, *tls, ("http", self._http)]

    async def _dns(self) -> str:
        host, port = self._near
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
        except (OSError, UnicodeError) as error:
            what = reason(error) if isinstance(error, OSError) else "it is no name"
            action = (
                f"correct the address in {_setting_of(self._proxy, self._destination)}, or see this machine's name server; "
                "a network that only a proxy leaves often knows no outer names: set UPSTREAM_PROXY"
            )
            raise Unreachable(f"{host} has no address ({what})", action) from error
        return f"{host} is {', '.join(sorted({str(entry[4][0]) for entry in found}))}"

    async def _tcp(self) -> str:
        try:
            self._transport, _ = await asyncio.get_running_loop().create_connection(
                self._protocol, self.host, self.port
            )
        except OSError as error:
            action = "see whether a firewall blocks it, and whether a proxy is needed (UPSTREAM_PROXY)"
            raise Unreachable(
                f"no connection to {authority(self.host, self.port)} ({reason(error)})", action
            ) from error
        return f"connected to {authority(self.host, self.port)}"

    async def _open_line(self) -> str:
        proxy = cast(Proxy, self._proxy)
        self._line = await Line.open(proxy, self._context)
        self._transport = self._line.transport
        return f"connected to {proxy}" + (", with credentials" if proxy.authorization else "")

    async def _connect(self) -> str:
        line = cast(Line, self._line)
        await line.connect(self.host, self.port)
        if self.scheme == "http":
            self._transport = await line.hand_over(self._protocol(), self.host, None)
        return f"the proxy leads to {authority(self.host, self.port)}"

    async def _tls(self) -> str:
        if self._line:
            self._transport = await self._line.hand_over(self._protocol(), self.host, self._context)
        else:
            await self._direct_tls()
        issuer = _issuer(cast(asyncio.Transport, self._transport))
        return f"the certificate of {self.host} is good, issued by {issuer}"

    async def _direct_tls(self) -> None:
        protocol, loop = self._protocol(), asyncio.get_running_loop()
        plain = cast(asyncio.Transport, self._transport)
        try:
            made = await loop.start_tls(plain, protocol, self._context, server_hostname=self.host)
        except OSError as error:
            raise Unreachable(f"no TLS with {self.host} ({reason(error)})", tls_advice(error)) from error
        self._transport = cast(asyncio.Transport, made)
        protocol.connection_made(self._transport)

    async def _http(self) -> str:
        lines = (f"{self._question} HTTP/1.1", f"Host: {self._host_header}", "Connection: close")
        cast(asyncio.Transport, self._transport).write("\r\n".join([*lines, "", ""]).encode())
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (EOFError, asyncio.LimitOverrunError, OSError):
            head = b""
        status = _HEAD.match(head)
        if not status:
            raise Unreachable("no HTTP answer", f"see what listens at {authority(self.host, self.port)}")
        if self._destination.wants_json and (_HTML.search(head) or status[1] >= b"500"):
            action = "it does not look like the API's: see whether something between answers, and CLAUDE_API_BASE_URL"
            raise Unreachable(f"the answer is {status[1].decode()}", action)
        return f"answered {status[1].decode()}" + _meaning(status[1], wants_json=self._destination.wants_json)

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        self._reader = asyncio.StreamReader(limit=MAX_HEAD_BYTES)
        return asyncio.StreamReaderProtocol(self._reader)

    def close(self) -> None:
        if self._transport:
            self._transport.abort()


def _meaning(status: bytes, *, wants_json: bool) -> str:
    return ", as it does without a credential" if wants_json and status == b"401" else ""


def _setting_of(proxy: Proxy | None, destination: Destination) -> str:
    return "UPSTREAM_PROXY or HTTPS_PROXY" if proxy else destination.setting


def _issuer(transport: asyncio.Transport) -> str:
    """Who signed the certificate: an inspecting proxy is recognised by its name here."""
    parts = dict(pair[0] for pair in transport.get_extra_info("peercert").get("issuer", ()))
    return parts.get("organizationName") or parts.get("commonName") or "an authority without a name"
