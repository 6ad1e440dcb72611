"""A client for everything that is no relayed request: the token endpoint, checks of credentials, Slack, telemetry."""

import ssl

import httpx

from accounts.outbound import trust
from accounts.outbound.proxies import Proxy, proxy_for


def client_for(url: str, seconds: float, verify: ssl.SSLContext | None = None) -> httpx.Client:
    """A client for requests to this URL's host, by the proxy that leads there.

    `verify` is what `trust.context` makes unless it is given. Raises trust.BadCertificates; a proxy's refusal is an
    httpx.ProxyError.
    """
    proxy = proxy_for(url)
    return httpx.Client(
        verify=verify or trust.context(),
        timeout=seconds,
        # httpx would read other names than Nexus documents, and take a proxy to loopback as well.
        trust_env=False,
        proxy=_for_httpx(proxy) if proxy else None,
    )


def _for_httpx(proxy: Proxy) -> httpx.Proxy:
    headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else None
    context = trust.context() if proxy.scheme == "https" else None
    return httpx.Proxy(str(proxy), headers=headers, ssl_context=context)


def kind_of(error: httpx.HTTPError) -> str:
    """What kind of failure it is, with what a proxy answered and which file of certificates is at fault; no secrets."""
    reporting = isinstance(error, httpx.ProxyError | trust.BadCertificates)
    return f"{type(error).__name__}: {error}" if reporting else type(error).__name__
