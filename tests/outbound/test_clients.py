"""The token endpoint, the check of a credential, Slack and telemetry go the same way out as the relay."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.access.decision import AccessCredential
from accounts.credentials import check as credential_check
from accounts.oauth import endpoint as oauth_endpoint
from nexus_project.demo import slack as slack_demo
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.standin import StandIn
from proxy.store.notifications import slack_post, telemetry
from tests import connect_proxy, outside
from tests.connect_proxy import ConnectProxy
from tests.notifications.collector import Collector

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"


@contextmanager
def behind_a_proxy(
    app: StandIn, settings: Settings, folder: Path, *, by_tls: bool = False, **proxy: Any
) -> Iterator[tuple[str, ConnectProxy]]:
    """The app's public address, which only the proxy knows, with credentials set for the proxy."""
    with outside.serve(app, folder) as there:
        made = ConnectProxy(there.names, **{"pair": "user:p@ss", **proxy})
        with connect_proxy.serve(made, there.certificate if by_tls else None) as running:
            settings.SSL_CERT_FILE = str(there.ca_file)
            settings.UPSTREAM_PROXY = running.url.replace("//", "//user:p%40ss@")
            yield there.url, running


@pytest.mark.parametrize("by_tls", [False, True])
def test_a_token_is_renewed_through_the_proxy(settings: Settings, tmp_path: Path, by_tls: bool) -> None:
    emulator = Emulator()
    with behind_a_proxy(emulator, settings, tmp_path, by_tls=by_tls) as (url, proxy):
        settings.CLAUDE_OAUTH_TOKEN_URL = f"{url}/v1/oauth/token"

        tokens = oauth_endpoint.request_tokens("sk-ant-ort01-x")

    assert tokens.access_token == emulator.oauth.grants[0]["access_token"]
    assert proxy.targets() == ["api.nexus-test.invalid:443"]


def test_a_refusal_of_the_proxy_is_told_with_a_renewal_that_failed(
    settings: Settings, tmp_path: Path
) -> None:
    with behind_a_proxy(Emulator(), settings, tmp_path, pair="user:other") as (url, _):
        settings.CLAUDE_OAUTH_TOKEN_URL = f"{url}/v1/oauth/token"

        with pytest.raises(oauth_endpoint.RefreshFailed) as failed:
            oauth_endpoint.request_tokens("sk-ant-ort01-x")

    assert failed.value.message == "the token endpoint did not answer (ProxyError: 407 Who are you)"
    assert not failed.value.permanent


def test_a_credential_is_checked_through_the_proxy(settings: Settings, tmp_path: Path) -> None:
    credential = AccessCredential("environment", "CLAUDE_API_KEY", "api_key", "sk-ant-api03-x")
    with behind_a_proxy(Emulator(), settings, tmp_path) as (url, proxy):
        settings.CLAUDE_API_BASE_URL = url

        assert credential_check.ask(credential).why == "the API takes it"
        settings.SSL_CERT_FILE = str(tmp_path / "gone.pem")
        assert "SSL_CERT_FILE" in credential_check.ask(credential).why

    assert proxy.targets() == ["api.nexus-test.invalid:443"]


def test_a_post_to_slack_goes_by_name_through_the_proxy(settings: Settings, tmp_path: Path) -> None:
    app = slack_demo.Slack()
    with behind_a_proxy(app, settings, tmp_path) as (url, proxy):
        slack_post.send(f"{url}{slack_demo.WEBHOOK_PATH}", {"text": "hello"})

    (entry,) = app.log.entries()
    assert json.loads(entry.body) == {"text": "hello"}
    assert entry.value("host") == "api.nexus-test.invalid"
    assert proxy.targets() == ["api.nexus-test.invalid:443"]


def test_a_webhook_with_a_private_address_is_refused_with_a_proxy_too(
    settings: Settings, tmp_path: Path
) -> None:
    settings.SLACK_ALLOW_PRIVATE_ADDRESSES = False
    with (
        behind_a_proxy(slack_demo.Slack(), settings, tmp_path) as (_, proxy),
        pytest.raises(slack_post.Undeliverable, match="private address"),
    ):
        slack_post.send("https://10.0.0.1/services/x", {"text": "hello"})

    assert proxy.heads == []


@pytest.mark.parametrize(
    ("responses", "reported"),
    [({"pair": "user:other"}, "407 Who are you"), ({"pair": "", "refuses": FORBIDDEN}, "403 Forbidden")],
)
def test_a_refusal_of_the_proxy_is_told_with_a_post_that_waits(
    settings: Settings, tmp_path: Path, responses: dict[str, Any], reported: str
) -> None:
    with (
        behind_a_proxy(slack_demo.Slack(), settings, tmp_path, **responses) as (url, _),
        pytest.raises(slack_post.NotNow, match=reported) as failed,
    ):
        slack_post.send(f"{url}{slack_demo.WEBHOOK_PATH}", {"text": "hello"})

    assert "abcdefghij" not in str(failed.value)


def test_certificates_that_went_away_are_named_with_the_post(settings: Settings) -> None:
    settings.SSL_CERT_FILE, settings.SLACK_ALLOW_PRIVATE_ADDRESSES = "/nowhere/ca.pem", True

    with pytest.raises(slack_post.Undeliverable, match=r"SSL_CERT_FILE=/nowhere/ca\.pem"):
        slack_post.send("https://localhost/services/x", {"text": "hello"})


def test_telemetry_goes_through_the_proxy(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: dict[str, int] = {}
    monkeypatch.setattr(telemetry, "_count", lambda counter, number: counted.update({counter: number}))
    app = Collector()
    with behind_a_proxy(app, settings, tmp_path) as (url, proxy):
        settings.TELEMETRY_ENDPOINT = f"{url}/collect"
        telemetry.send([{"model": "m"}])

    assert (app.reports(), counted) == ([{"model": "m"}], {"delivered": 1})
    assert proxy.targets() == ["api.nexus-test.invalid:443"]


def test_of_telemetry_what_a_failure_leaves_over_is_counted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[str, int]] = []
    monkeypatch.setattr(telemetry, "_count", lambda *given: counted.append(given))
    with behind_a_proxy(Collector(), settings, tmp_path, pair="user:other") as (url, _):
        settings.TELEMETRY_ENDPOINT = f"{url}/collect"
        telemetry.send([{"model": "m"}] * 3)

    assert counted == [("failed", 3)]
