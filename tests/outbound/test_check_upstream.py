"""`manage.py check_upstream` says how far each way leads, and what to do where it ends."""

import json
import socket
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.received import Received
from nexus_project.demo.script import Script
from nexus_project.demo.serving import free_socket
from tests import connect_proxy, outside
from tests.connect_proxy import ConnectProxy
from tests.outside import Outside

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def _one_way(settings: Settings) -> None:
    """Only the API is asked, unless a test says more."""
    settings.SLACK_WEBHOOK_URL = settings.TELEMETRY_ENDPOINT = ""
    settings.UPSTREAM_CONNECT_SECONDS = 2


@pytest.fixture
def asked(settings: Settings, api: Outside) -> Outside:
    settings.CLAUDE_OAUTH_TOKEN_URL = f"{api.url}/v1/oauth/token"
    return api


def check() -> tuple[list[dict[str, Any]], int]:
    """The ways as JSON tells them, and the exit code."""
    written = StringIO()
    try:
        call_command("check_upstream", json=True, stdout=written)
    except CommandError as error:
        return json.loads(written.getvalue())["ways"], error.returncode
    return json.loads(written.getvalue())["ways"], 0


def last_step() -> dict[str, Any]:
    """The step of the way to the API that failed."""
    ways, code = check()
    assert (code, ways[0]["good"], ways[0]["steps"][-1]["good"]) == (1, False, False)
    assert all(step["good"] for step in ways[0]["steps"][:-1])
    assert ways[0]["steps"][-1]["action"]
    return dict(ways[0]["steps"][-1])


def test_a_way_through_a_proxy_is_gone_to_its_end_and_shows_no_credential(
    asked: Outside, settings: Settings
) -> None:
    with connect_proxy.serve(ConnectProxy(asked.names, pair="user:p@ss")) as proxy:
        settings.UPSTREAM_PROXY = proxy.url.replace("//", "//user:p%40ss@")

        ways, code = check()
        written = StringIO()
        call_command("check_upstream", stdout=written)

    assert (code, [way["purpose"] for way in ways]) == (0, ["the API", "token endpoint"])
    assert [step["name"] for step in ways[0]["steps"]] == ["dns", "proxy", "connect", "tls", "http"]
    assert ways[0]["steps"][-1]["what"] == "answered 401, as it does without a credential"
    assert (ways[0]["proxy"], ways[0]["why"]) == (proxy.url, "UPSTREAM_PROXY is set")
    assert ways[0]["certificates"] == settings.SSL_CERT_FILE
    assert f"ok   the API: https://api.nexus-test.invalid:443, by the proxy {proxy.url}" in written.getvalue()
    assert "issued by trustme" in written.getvalue()
    assert "ss@" not in written.getvalue() + json.dumps(ways)


def test_nothing_is_sent_that_costs_or_tells_a_secret(settings: Settings, tmp_path: Path) -> None:
    app, settings.CLAUDE_API_KEY = Emulator(), "sk-ant-api03-of-the-operator"
    with outside.serve(app, tmp_path) as there, connect_proxy.serve(ConnectProxy(there.names)) as proxy:
        settings.SSL_CERT_FILE, settings.UPSTREAM_PROXY = str(there.ca_file), proxy.url
        settings.CLAUDE_API_BASE_URL = f"{there.url}/gateway"
        settings.CLAUDE_OAUTH_TOKEN_URL = f"{there.url}/v1/oauth/token"
        settings.SLACK_ENABLED, settings.SLACK_WEBHOOK_URL = True, f"{there.url}/services/secret"
        settings.TELEMETRY_ENDPOINT = f"{there.url}/collect"
        check()

    entries = sorted(app.log.entries(), key=lambda entry: entry.method)
    assert [(entry.method, entry.target) for entry in entries] == [
        ("GET", b"/gateway/v1/models?limit=1"),
        ("HEAD", b"/"),
        ("HEAD", b"/"),
        ("HEAD", b"/"),
    ]
    assert {name.lower() for entry in entries for name, _ in entry.headers} == {b"host", b"connection"}


def test_the_direct_way_says_why_it_is_direct(settings: Settings, tmp_path: Path) -> None:
    with closing(free_socket()) as nobody:
        port = nobody.getsockname()[1]
    settings.CLAUDE_API_BASE_URL = settings.CLAUDE_OAUTH_TOKEN_URL = f"http://127.0.0.1:{port}"
    settings.UPSTREAM_PROXY = "http://user:secret@proxy.example.com:3128"

    ways, code = check()

    assert (code, ways[0]["proxy"]) == (1, "")
    assert ways[0]["why"] == "UPSTREAM_PROXY is never used for this machine"
    assert [step["name"] for step in ways[0]["steps"]] == ["dns", "tcp"]
    assert "Connect call failed" in ways[0]["steps"][1]["what"] or "refused" in ways[0]["steps"][1]["what"]
    assert "firewall" in ways[0]["steps"][1]["action"]


@pytest.mark.parametrize(
    ("proxied", "no_proxy", "setting"),
    [
        (True, "", "UPSTREAM_PROXY or HTTPS_PROXY"),
        (True, "*", "CLAUDE_API_BASE_URL"),
        (False, "", "UPSTREAM_PROXY"),
    ],
)
def test_a_name_without_an_address_names_the_setting(
    asked: Outside, settings: Settings, proxied: bool, no_proxy: str, setting: str
) -> None:
    settings.HTTPS_PROXY = "http://proxy.nexus-test.invalid:3128" if proxied else ""
    settings.NO_PROXY = no_proxy

    step = last_step()

    assert step["name"] == "dns"
    assert "has no address" in step["what"]
    assert setting in step["action"]


@pytest.mark.parametrize(
    ("responses", "name", "words"),
    [
        ({"pair": "user:other"}, "connect", "set UPSTREAM_PROXY=http://user:password@host:port"),
        ({"refuses": FORBIDDEN}, "connect", "ask who runs it to allow that, or list the host in NO_PROXY"),
        ({"hangs": True}, "connect", "see whether a firewall drops it"),
    ],
)
def test_a_proxy_that_leads_nowhere_is_the_step_that_failed(
    asked: Outside, settings: Settings, responses: dict[str, Any], name: str, words: str
) -> None:
    with connect_proxy.serve(ConnectProxy(asked.names, **responses)) as proxy:
        settings.UPSTREAM_PROXY = proxy.url
        step = last_step()

    assert step["name"] == name
    assert words in step["action"]


def test_a_proxy_that_is_not_there_is_the_step_that_failed(asked: Outside, settings: Settings) -> None:
    settings.UPSTREAM_PROXY = "http://127.0.0.1:1"

    step = last_step()

    assert (step["name"], step["action"]) == ("proxy", "correct its address or ask who runs it")


@pytest.mark.parametrize("proxied", [True, False])
def test_an_unknown_authority_is_the_step_that_failed(
    asked: Outside, settings: Settings, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SSL_CERT_FILE = ""
    with connect_proxy.serve(ConnectProxy(asked.names)) as proxy:
        settings.UPSTREAM_PROXY = proxy.url if proxied else ""
        settings.CLAUDE_API_BASE_URL = asked.url if proxied else asked.names["api.nexus-test.invalid:443"]
        step = last_step()

    assert step["name"] == "tls"
    assert "its certificate is not trusted" in step["what"]
    assert "SSL_CERT_FILE" in step["action"]


class BlockPage(Emulator):
    """What a network shows in place of the API."""

    def response(self, entry: Received) -> Script:
        return Script(200, (("content-type", "text/html"), ("content-length", "3")), (b"no!",))


def test_a_page_of_the_network_is_not_taken_for_the_api(settings: Settings, tmp_path: Path) -> None:
    with (
        outside.serve(BlockPage(), tmp_path) as there,
        connect_proxy.serve(ConnectProxy(there.names)) as proxy,
    ):
        settings.SSL_CERT_FILE, settings.UPSTREAM_PROXY = str(there.ca_file), proxy.url
        settings.CLAUDE_API_BASE_URL = settings.CLAUDE_OAUTH_TOKEN_URL = there.url
        step = last_step()

    assert (step["name"], step["what"]) == ("http", "the answer is 200")
    assert "something between answers" in step["action"]


def test_what_speaks_no_http_is_told(settings: Settings) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        settings.UPSTREAM_CONNECT_SECONDS = 0.3
        settings.CLAUDE_API_BASE_URL = f"http://127.0.0.1:{server.getsockname()[1]}"
        settings.CLAUDE_OAUTH_TOKEN_URL = settings.CLAUDE_API_BASE_URL
        step = last_step()

    assert (step["name"], step["what"]) == ("http", "nothing came within 0.3 s")


def test_a_direct_way_by_tls_is_gone_to_its_end(settings: Settings, tmp_path: Path) -> None:
    with outside.serve(Emulator(), tmp_path, "localhost") as there:
        settings.SSL_CERT_FILE = str(there.ca_file)
        address = there.names["localhost:443"].replace("127.0.0.1", "localhost")
        settings.CLAUDE_API_BASE_URL = settings.CLAUDE_OAUTH_TOKEN_URL = address

        ways, code = check()

    assert (code, [step["name"] for step in ways[0]["steps"]]) == (0, ["dns", "tcp", "tls", "http"])
    assert ways[0]["why"] == "no proxy is set"
