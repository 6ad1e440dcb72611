"""The whole line in a network that only a proxy leaves, with an authority of its own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from tests import connect_proxy, outside
from tests.connect_proxy import ConnectProxy
from tests.flow import wire
from tests.flow.conftest import Nexus, systems
from tests.outside import Outside

PASSWORD = "hunter-2-of-the-proxy"


@pytest.fixture
def app() -> Emulator:
    return Emulator()


@pytest.fixture
def there(app: Emulator, tmp_path: Path) -> Iterator[Outside]:
    with outside.serve(app, tmp_path) as running:
        yield running


@pytest.fixture
def make(
    app: Emulator, there: Outside, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Nexus]]:
    with systems(Running(there.url, app), tmp_path_factory) as made:
        yield made


@pytest.mark.parametrize("by_tls", [False, True])
def test_a_request_passes_the_proxy_byte_for_byte(
    make: Callable[..., Nexus], there: Outside, by_tls: bool
) -> None:
    mark, body = (
        uuid4().hex,
        json.dumps({"model": "claude-haiku-4-5", "stream": True, "messages": []}).encode(),
    )
    own = ("x-api-key", b"sk-ant-api03-own")
    sent = [("x-test-id", mark.encode()), ("x-odd", b"\xc3\xa9"), ("x-odd", b"b")]
    proxy = ConnectProxy(there.names, pair=f"user:{PASSWORD}")
    with connect_proxy.serve(proxy, there.certificate if by_tls else None):
        nexus = make(
            UPSTREAM_PROXY=proxy.url.replace("//", f"//user:{PASSWORD}@"),
            SSL_CERT_FILE=str(there.ca_file),
            NO_PROXY="",
            LOG_LEVEL="debug",
        )
        responses = [
            wire.send(nexus.url, wire.request_bytes("POST", "/v1/a%2Fb//c?q=%22", [*sent, own], body))
            for _ in range(2)
        ]

        got = nexus.received(mark)
        assert (got.target, got.body) == (b"/v1/a%2Fb//c?q=%22", body)
        assert [pair for pair in got.headers if pair[0] in {b"x-test-id", b"x-odd"}] == [
            (name.encode(), value) for name, value in sent
        ]
        assert {response.status for response in responses} == {404}
        assert proxy.targets() == ["api.nexus-test.invalid:443"]
        words = nexus.proxy.words() + nexus.worker.words()
        assert PASSWORD not in words


def test_a_proxy_that_refuses_is_told_to_the_operator_without_its_password(
    make: Callable[..., Nexus], there: Outside
) -> None:
    proxy = ConnectProxy(there.names, pair="user:other")
    with connect_proxy.serve(proxy):
        nexus = make(
            HTTPS_PROXY=proxy.url.replace("//", f"//user:{PASSWORD}@"),
            SSL_CERT_FILE=str(there.ca_file),
            NO_PROXY="",
        )
        response = nexus.client().get("/v1/models")
        row = nexus.stored(response.headers["x-nexus-id"])

        assert response.status_code == 502
        assert proxy.url not in response.text
        assert "answered CONNECT with 407" in row["error_message"]
        words = nexus.proxy.words()
        assert f"the proxy {proxy.url} answered CONNECT with 407" in words
        assert PASSWORD not in words + response.text + str(row)
