"""Which proxy a destination has, and what is shown of it."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from accounts.outbound.proxies import Proxy, proxy_for, route_to
from nexus_project import env

API = "https://api.anthropic.com/v1"


@pytest.mark.parametrize(
    ("upstream_proxy", "https_proxy", "url", "expected"),
    [
        ("", "", API, None),
        ("http://a:3128", "", API, Proxy("http", "a", 3128)),
        ("http://a:3128", "http://b:3128", API, Proxy("http", "a", 3128)),
        ("", "https://b", API, Proxy("https", "b", 443)),
        ("", "http://b", API, Proxy("http", "b", 80)),
        ("", "http://b:3128", "http://collector.example.com/x", None),
        ("http://a:3128", "", "http://collector.example.com/x", Proxy("http", "a", 3128)),
        ("http://[2001:db8::1]:3128", "", API, Proxy("http", "2001:db8::1", 3128)),
        ("http://a:3128", "", "http://127.0.0.1:8080", None),
        ("", "http://b:3128", "https://localhost", None),
        ("", "http://b:3128", "https://intern.example.com", None),
        ("http://a:3128", "", "http://intern.example.com", Proxy("http", "a", 3128)),
    ],
)
def test_a_destination_has_the_proxy_of(
    settings: Settings, upstream_proxy: str, https_proxy: str, url: str, expected: Proxy | None
) -> None:
    settings.UPSTREAM_PROXY, settings.HTTPS_PROXY = upstream_proxy, https_proxy
    settings.NO_PROXY = "intern.example.com:443"

    assert proxy_for(url) == expected


def test_credentials_are_decoded_and_shown_nowhere(settings: Settings) -> None:
    settings.UPSTREAM_PROXY = "http://us%40er:p%3Ass%C3%A9@[2001:db8::1]:3128"

    route = route_to(API)

    assert route.proxy
    assert route.proxy.authorization == "Basic dXNAZXI6cDpzc8Op"
    assert str(route.proxy) == "http://[2001:db8::1]:3128"
    for shown in (str(route), repr(route.proxy)):
        assert "us" not in shown.replace("UPSTREAM_PROXY is set", "")
        assert "Basic" not in shown


def read(monkeypatch: pytest.MonkeyPatch, **given: str) -> str:
    for name in ("UPSTREAM_PROXY", "upstream_proxy", "UPSTREAM_PROXY_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return env.proxy("UPSTREAM_PROXY")


@pytest.mark.parametrize("value", ["http://p:3128", "https://u:p%40@p.example.com", "http://[::1]:3128/", ""])
def test_an_address_of_a_proxy_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert read(monkeypatch, UPSTREAM_PROXY=value) == value


def test_without_a_scheme_it_is_http_and_the_name_may_be_in_lower_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert read(monkeypatch, upstream_proxy="p:3128") == "http://p:3128"
    assert read(monkeypatch, upstream_proxy="p:3128", UPSTREAM_PROXY="q:1") == "http://q:1"


@pytest.mark.parametrize(
    "value",
    ["socks5://p:1080", "http://", "http://u:se#cret@p:3128", "http://u:12/secret@p:3128", "http://p:0", "p:99999999",
     "http://p:3128/path", "http://p:3128?x", "http://p:31\n28"],
)  # fmt: skip
def test_what_is_no_proxy_stops_the_start_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match="UPSTREAM_PROXY") as refused:
        read(monkeypatch, upstream_proxy=value)

    assert "http://host:port" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_file_without_certificates_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", __file__)

    with pytest.raises(ImproperlyConfigured, match=r"SSL_CERT_FILE=.* in PEM"):
        env.certificates("SSL_CERT_FILE")
