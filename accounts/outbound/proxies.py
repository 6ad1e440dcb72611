"""Which proxy a destination is reached through: `UPSTREAM_PROXY`, else `HTTPS_PROXY`, never for this machine or `NO_PROXY`."""

import base64
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from django.conf import settings

from accounts.outbound.no_proxy import is_loopback, matching_entry

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A forward proxy, reached by http or https. Shown without its credentials; `authorization` is the header that carries them."""

    scheme: str
    host: str
    port: int
    authorization: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.scheme}://{authority(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class Route:
    """How a destination is reached; `why` says which setting decided that, without any credential."""

    proxy: Proxy | None
    why: str


def authority(host: str, port: int) -> str:
    """`host:port` as it stands in a URL and in a CONNECT request."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_configured() -> bool:
    """Whether any destination may have a proxy."""
    return bool(settings.UPSTREAM_PROXY or settings.HTTPS_PROXY)


def proxy_for(url: str) -> Proxy | None:
    """The proxy that leads to a URL, None for the direct way."""
    return route_to(url).proxy


def route_to(url: str) -> Route:
    """The same, with the reason."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    name, address = _configured(parts.scheme)
    if not address:
        return Route(None, "no proxy is set")
    if is_loopback(host):
        return Route(None, f"{name} is never used for this machine")
    if entry := matching_entry(host, port_of(parts), settings.NO_PROXY):
        return Route(None, f"NO_PROXY has {entry}")
    return Route(_parsed(address), f"{name} is set")


def port_of(parts: SplitResult) -> int:
    """The port of a URL, or its scheme's."""
    return parts.port or PORTS[parts.scheme]


def _configured(scheme: str) -> tuple[str, str]:
    if settings.UPSTREAM_PROXY:
        return "UPSTREAM_PROXY", settings.UPSTREAM_PROXY
    return "HTTPS_PROXY", settings.HTTPS_PROXY if scheme == "https" else ""


def _parsed(address: str) -> Proxy:
    """Of a URL that `env.proxy` has checked."""
    parts = urlsplit(address)
    return Proxy(parts.scheme, parts.hostname or "", port_of(parts), _basic(parts))


def _basic(parts: SplitResult) -> str:
    """RFC 7617; user and password are percent-encoded in a URL."""
    if not parts.username:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
