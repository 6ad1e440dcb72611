import base64
import json
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from nexus_project.demo import log as log_module
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.serving import Running, serve
from tests.demo.conftest import ASK


def connect(emulator: Running[Emulator]) -> socket.socket:
    address = urlsplit(emulator.url)
    return socket.create_connection((address.hostname, address.port or 0), timeout=10)


def exchange(emulator: Running[Emulator], request: bytes) -> bytes:
    with connect(emulator) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_target_headers_and_body_are_logged_byte_for_byte(emulator: Running[Emulator]) -> None:
    body = b"\x00\xffbody"
    response = exchange(
        emulator,
        b'PUT /v1/a%2Fb/../c?x=%22&y="& HTTP/1.1\r\nHost: api.example\r\nX-Twice: 1\r\nx-twice: 2\r\n'
        b"Connection: close\r\nContent-Length: 6\r\n\r\n" + body,
    )

    entry = emulator.app.log.settled(1)[0]
    assert response.startswith(b"HTTP/1.1 404 ")
    assert (entry.method, entry.body, entry.status) == ("PUT", body, 404)
    assert entry.target == b'/v1/a%2Fb/../c?x=%22&y="&'
    assert entry.path == "/v1/a%2Fb/../c"
    assert entry.headers[1:3] == ((b"X-Twice", b"1"), (b"x-twice", b"2"))
    assert entry.values("x-TWICE") == ["1", "2"]
    assert entry.value("absent") == ""
    assert entry.credential is None


def test_a_client_that_leaves_mid_stream_is_seen(http: httpx.Client, emulator: Running[Emulator]) -> None:
    slow = {"x-emulate": "events=500, event-delay-ms=20"}
    with http.stream("POST", "/v1/messages", json={**ASK, "stream": True}, headers=slow) as response:
        next(response.iter_raw())

    entry = emulator.app.log.settled(1)[0]
    assert (entry.outcome, entry.status) == ("client_left", 200)


def test_a_client_that_leaves_before_the_head_is_seen(emulator: Running[Emulator]) -> None:
    with connect(emulator) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: a\r\nx-emulate: delay-ms=60000\r\n\r\n")
        emulator.app.log.wait(lambda entries: len(entries) == 1)

    assert emulator.app.log.settled(1)[0].outcome == "client_left"


def test_a_client_that_leaves_in_its_own_body_is_seen(emulator: Running[Emulator]) -> None:
    with connect(emulator) as connection:
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf")

    entry = emulator.app.log.settled(1)[0]
    assert (entry.outcome, entry.body, entry.status) == ("client_left", b"half", None)


def test_a_stop_of_the_server_cuts_what_runs() -> None:
    with ExitStack() as open_connections, serve(create_app(), http=ConnectionProtocol) as emulator:
        connection = open_connections.enter_context(connect(emulator))
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: a\r\nx-emulate: delay-ms=60000\r\n\r\n")
        before = emulator.app.log.wait(lambda entries: len(entries) == 1)

    assert before[0].outcome == "open"
    assert emulator.app.log[0].outcome == "cut"


def test_the_log_is_read_over_http_with_bodies_on_request(
    http: httpx.Client, emulator: Running[Emulator]
) -> None:
    http.post("/v1/messages?beta=true", content=b"\xff")
    emulator.app.log.settled(1)

    plain = http.get("/_emulator/log").json()
    full = http.get("/_emulator/log?bodies=1").json()

    assert plain[0]["target"] == "/v1/messages?beta=true"
    assert "body" not in plain[0]
    assert base64.b64decode(full[0]["body"]) == b"\xff"
    assert len(full) == 1


def test_health_is_told_and_other_inspections_are_not_found(http: httpx.Client) -> None:
    assert http.get("/_emulator/health").json() == {"status": "healthy", "received": 0}
    assert http.get("/_emulator/other").status_code == 404


def test_only_the_newest_entries_are_kept(
    http: httpx.Client, emulator: Running[Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "NEWEST_KEPT", 2)
    for _ in range(3):
        http.get("/v1/models")

    assert [entry.number for entry in emulator.app.log] == [2, 3]


def test_old_entries_make_room_for_new_bodies(
    http: httpx.Client, emulator: Running[Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "BODY_BYTES_KEPT", 100)
    for size in (60, 30, 40):
        http.post("/v1/nothing", content=bytes(size))

    assert [len(entry.body) for entry in emulator.app.log] == [30, 40]


def test_a_forgotten_entry_may_still_end(emulator: Running[Emulator]) -> None:
    log = emulator.app.log
    with connect(emulator) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: a\r\nx-emulate: delay-ms=60000\r\n\r\n")
        log.wait(lambda entries: len(entries) == 1)
        log.clear()

    assert httpx.get(f"{emulator.url}/v1/models", trust_env=False).status_code == 401
    assert [entry.number for entry in log.settled(1)] == [2]


def test_waiting_in_vain_ends_with_an_error(emulator: Running[Emulator]) -> None:
    with pytest.raises(TimeoutError, match=r"Not met in 0\.01 s"):
        emulator.app.log.settled(1, seconds=0.01)


def test_the_log_file_has_arrivals_and_ends_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    with serve(create_app(file), http=ConnectionProtocol) as emulator:
        response = httpx.get(f"{emulator.url}/v1/models", headers={"x-api-key": "SECRET"}, trust_env=False)
        emulator.app.log.settled(1)
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        emulator.app.log.close()

    assert [line["event"] for line in lines] == ["arrived", "ended"]
    assert lines[0]["target"] == "/v1/models"
    assert ["x-api-key", "****"] in lines[0]["headers"]
    assert lines[1]["outcome"] == "answered"
    assert lines[1]["request_id"] == response.headers["request-id"]
    assert "SECRET" not in file.read_text()
