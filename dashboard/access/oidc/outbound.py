"""The way to the provider: by the product's own client, with its proxy and certificates, and never in clear."""

import time
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from accounts.outbound.client import client_for
from accounts.outbound.no_proxy import is_loopback

SECONDS = 10.0
DISCOVERY = "/.well-known/openid-configuration"
DISCOVERY_SECONDS = 300.0
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_kept: dict[str, tuple[float, dict[str, Any]]] = {}


class BadProvider(Exception):
    """What the provider says of itself cannot be used; the message names it, for the log."""


class Session:
    """What allauth wants of a session of `requests`. Raises httpx.HTTPError, and BadProvider for an address in clear."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Each request has a client of its own: the way depends on where it leads."""

    def get(self, url: str, **kwargs: Any) -> httpx.Response:
        return self.request("GET", url, **kwargs)

    def request(self, method: str, url: str, **kwargs: Any) -> httpx.Response:
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise BadProvider("it names an address that is not https")
        with client_for(url, SECONDS) as client:
            return client.request(method, url, **kwargs)


def discover() -> dict[str, Any]:
    """What the provider says of itself, asked again after five minutes. Raises BadProvider and httpx.HTTPError."""
    issuer = settings.OIDC_ISSUER
    read_at, found = _kept.get(issuer, (0.0, {}))
    if not found or time.monotonic() - read_at > DISCOVERY_SECONDS:
        found = _read(issuer)
        _kept[issuer] = (time.monotonic(), found)
    return found


def forget() -> None:
    """Ask the provider anew: its keys or addresses may have changed."""
    _kept.clear()


def _read(issuer: str) -> dict[str, Any]:
    with Session() as session:
        response = session.get(issuer + DISCOVERY)
    found = json_of(response)
    if str(found.get("issuer", "")).rstrip("/") != issuer:
        raise BadProvider("its discovery document names another issuer")
    missing = [name for name in _ENDPOINTS if not isinstance(found.get(name), str)]
    if missing:
        raise BadProvider(f"its discovery document lacks {', '.join(missing)}")
    return found


def json_of(response: httpx.Response) -> dict[str, Any]:
    """The object of a good response. Raises BadProvider and httpx.HTTPStatusError."""
    response.raise_for_status()
    try:
        found = response.json()
    except ValueError:
        raise BadProvider("it answers with something else than JSON") from None
    if not isinstance(found, dict):
        raise BadProvider("it answers with JSON that is no object")
    return found
