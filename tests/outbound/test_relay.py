"""The relay's way to the API through a real proxy."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest
import uvloop
from pytest_django import Settings

from accounts.outbound import trust
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import serve
from proxy.relay.upstream.connector import TunnelConnector, connector
from proxy.relay.upstream.response_body import ResponseBody
from proxy.relay.upstream.transport import UpstreamTransport, build_request
from tests import connect_proxy
from tests.connect_proxy import ConnectProxy
from tests.outside import Outside

BASIC = b"Proxy-Authorization: Basic dXNlcjpwQHNz"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnope"
NEGOTIATE = b"HTTP/1.1 407 No\r\nproxy-authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n"


Ask = Callable[..., bytes]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """In both loops: their TLS within TLS is not the same, and Nexus serves by uvloop."""

    def asked(*given: Any, **options: Any) -> bytes:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(requested(*given, **options))

    return asked


async def requested(base: str, *, times: int = 1, seconds: float = 5) -> bytes:
    """The body of a request with a raw target, the last of as many through one transport."""
    transport = UpstreamTransport(connect_seconds=seconds, idle_seconds=5)
    body = b""
    try:
        for _ in range(times):
            request = build_request(
                base, "GET", "/v1/models?q=%22a", [(b"x-a", b"1"), (b"X-A", b"\xe9")], b""
            )
            stream = cast(ResponseBody, (await transport.handle_async_request(request)).stream)
            body = b"".join([fragment async for fragment in stream])
            stream.close()
    finally:
        await transport.aclose()
    return body


def test_two_requests_share_a_tunnel_and_the_proxy_sees_neither(
    ask: Ask, api: Outside, settings: Settings
) -> None:
    with connect_proxy.serve(ConnectProxy(api.names, pair="user:p@ss")) as proxy:
        settings.UPSTREAM_PROXY = proxy.url.replace("//", "//user:p%40ss@")

        assert b"type" in ask(api.url, times=2)

        (head,) = proxy.heads
        assert head.startswith(
            b"CONNECT api.nexus-test.invalid:443 HTTP/1.1\r\nHost: api.nexus-test.invalid:443\r\n"
        )
        assert BASIC in head


def test_a_proxy_may_itself_be_reached_by_tls(ask: Ask, api: Outside, settings: Settings) -> None:
    with connect_proxy.serve(ConnectProxy(api.names), api.certificate) as proxy:
        settings.HTTPS_PROXY = proxy.url

        assert b"type" in ask(api.url)

        assert proxy.targets() == ["api.nexus-test.invalid:443"]
        assert b"Proxy-Authorization" not in proxy.heads[0]


def test_an_http_destination_is_tunnelled_as_well(ask: Ask, settings: Settings) -> None:
    """Else the proxy would read the request and the target would have to change."""
    app = Emulator()
    names: dict[str, str] = {}
    with serve(app, http=ConnectionProtocol) as running, connect_proxy.serve(ConnectProxy(names)) as proxy:
        names["gateway.invalid:80"] = running.url
        settings.UPSTREAM_PROXY = proxy.url

        ask("http://gateway.invalid")

    (entry,) = app.log.entries()
    assert entry.target == b"/v1/models?q=%22a"
    assert [*entry.headers] == [(b"host", b"gateway.invalid"), (b"x-a", b"1"), (b"X-A", b"\xe9")]


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        ({"pair": "user:other"}, "answered CONNECT with 407: it wants credentials"),
        ({"refuses": FORBIDDEN}, "answered CONNECT with 403: it does not allow api.nexus-test.invalid:443"),
        ({"refuses": NEGOTIATE}, "with 407: it asks for negotiate, ntlm, Nexus signs in with Basic only"),
        (
            {"refuses": b"HTTP/1.1 502 No\r\n\r\n"},
            "with 502: it cannot reach api.nexus-test.invalid:443 itself",
        ),
        ({"refuses": b"HTTP/1.1 418 No\r\n\r\n"}, "with 418: ask who runs it why"),
        ({"refuses": b"220 mail.example.com ESMTP\r\n\r\n"}, "did not answer CONNECT with HTTP"),
        ({"refuses": b"SSH-2.0-x"}, "did not answer CONNECT with HTTP"),
        ({"refuses": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000}, "did not answer CONNECT with HTTP"),
    ],
)
def test_a_proxy_that_refuses_is_told_without_its_credentials(
    ask: Ask, api: Outside, settings: Settings, responses: dict[str, Any], message: str
) -> None:
    with connect_proxy.serve(ConnectProxy(api.names, **responses)) as proxy:
        settings.UPSTREAM_PROXY = proxy.url.replace("//", "//user:p%40ss@")

        with pytest.raises(httpx.ConnectError) as failed:
            ask(api.url)

    assert f"the proxy {proxy.url} " in str(failed.value)
    assert message in str(failed.value)
    assert "ss@" not in str(failed.value)


def test_a_proxy_that_hangs_is_given_up_in_time(ask: Ask, api: Outside, settings: Settings) -> None:
    with connect_proxy.serve(ConnectProxy(api.names, hangs=True)) as proxy:
        settings.UPSTREAM_PROXY = proxy.url

        with pytest.raises(
            httpx.ConnectTimeout, match=r"within 0\.3 s \(the proxy http://127.* did not lead to"
        ):
            ask(api.url, seconds=0.3)


def test_a_proxy_that_is_not_there_is_named(ask: Ask, api: Outside, settings: Settings) -> None:
    settings.UPSTREAM_PROXY = "http://127.0.0.1:1"

    with pytest.raises(httpx.ConnectError, match=r"the proxy http://127\.0\.0\.1:1 cannot be reached"):
        ask(api.url)


@pytest.mark.parametrize("by_tls", [True, False])
def test_an_unknown_authority_says_where_to_put_it(
    ask: Ask, api: Outside, settings: Settings, by_tls: bool
) -> None:
    settings.SSL_CERT_FILE = ""
    with connect_proxy.serve(ConnectProxy(api.names), api.certificate if by_tls else None) as proxy:
        settings.UPSTREAM_PROXY = proxy.url

        with pytest.raises(httpx.ConnectError, match=r"certificate is not trusted: .*SSL_CERT_FILE"):
            ask(api.url)


def test_this_machine_and_no_proxy_are_reached_directly(ask: Ask, api: Outside, settings: Settings) -> None:
    settings.UPSTREAM_PROXY = "http://127.0.0.1:1"
    settings.NO_PROXY = "api.nexus-test.invalid"

    with pytest.raises(httpx.ConnectError, match=r"Cannot connect to host api.nexus-test.invalid"):
        ask(api.url)
    behind = api.names["api.nexus-test.invalid:443"]
    with pytest.raises(httpx.ConnectError, match=r"certificate is not valid for '127.0.0.1'"):
        ask(behind)


async def test_without_a_proxy_nothing_of_it_is_on_the_way(settings: Settings) -> None:
    direct = connector()
    settings.HTTPS_PROXY = "http://proxy.example.com:3128"
    proxied = connector()

    assert not isinstance(direct, TunnelConnector)
    assert isinstance(proxied, TunnelConnector)
    await direct.close()
    await proxied.close()


def test_certificates_of_inspecting_proxies_are_taken_though_they_lack_what_new_pythons_want(
    api: Outside,
) -> None:
    assert not trust.context().verify_flags & ssl.VERIFY_X509_STRICT


def test_a_file_of_certificates_that_went_away_is_named(settings: Settings) -> None:
    settings.SSL_CERT_FILE = "/nowhere/ca.pem"

    with pytest.raises(trust.BadCertificates, match=r"SSL_CERT_FILE=/nowhere/ca\.pem cannot be used"):
        trust.context()
