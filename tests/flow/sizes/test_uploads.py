"""Uploads of hundreds of megabytes on the whole line: passed on as they arrive, with flat memory, recorded up to a bound."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from random import Random
from uuid import uuid4

import pytest

from tests.flow import sink_upstream, wire
from tests.flow.conftest import Nexus
from tests.flow.operator import spools
from tests.flow.services import wait_for
from tests.flow.sink_upstream import Sink, Taken
from tests.flow.sizes.test_large_results import watched

MIB = 1024**2
BLOCK = Random(5).randbytes(MIB)
FILES, BATCHES = "/v1/files", "/v1/messages/batches"
MOST_MIB_EACH = 16


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with sink_upstream.serve() as running:
        yield running


@pytest.fixture(scope="module")
def nexus(make_nexus: Callable[..., Nexus], sink: Sink) -> Nexus:  # in place of the one of all modules
    return make_nexus(CLAUDE_API_BASE_URL=sink.url, UPSTREAM_IDLE_SECONDS="3", ALLOW_SHARED_FILES="true")


class Client:
    """One upload by hand: `send` as much as wanted, then `answer`."""

    def __init__(
        self, nexus: Nexus, sink: Sink, mode: str, target: str, framing: str, host: str = "api.example"
    ) -> None:
        self.name = f"{mode} {uuid4().hex}"
        self._sink = sink
        self._chunked = framing.startswith("transfer-encoding")
        self.connection = wire.connect(nexus.url)
        self.connection.settimeout(60)
        head = f"POST {target} HTTP/1.1\r\nhost: {host}\r\nx-sink: {self.name}\r\n{framing}\r\n\r\n"
        self.connection.sendall(head.encode())

    def send(self, data: bytes, times: int = 1) -> None:
        whole = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
        for _ in range(times):
            self.connection.sendall(whole)

    def end(self) -> None:
        self.connection.sendall(b"0\r\n\r\n")

    def response(self) -> wire.WireResponse:
        with self.connection, self.connection.makefile("rb") as file:
            return wire.read_response(file)

    @property
    def taken(self) -> Taken:
        """What upstream has of it, once it has its head."""
        wait_for(lambda: self.name in self._sink.taken, 10)
        [only] = self._sink.taken[self.name]
        return only


@contextmanager
def flat(nexus: Nexus) -> Iterator[list[float]]:
    """The most memory of the proxy within, in MiB, once nothing else is on its way from its disk to the worker."""
    time.sleep(
        1.5
    )  # a heartbeat is up to a second old, and knows nothing of what the test before has just sent
    wait_for(lambda: all(spool.waiting == 0 for spool in spools(nexus)), 60)
    time.sleep(1)  # what was freed goes back to the system
    with watched(nexus.proxy.popen.pid) as peaks:
        yield peaks


def length(size: int) -> str:
    return f"content-length: {size}"


CHUNKED = "transfer-encoding: chunked"


def digest_of(times: int) -> str:
    found = sha256()
    for _ in range(times):
        found.update(BLOCK)
    return found.hexdigest()


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize(("target", "mib"), [(FILES, 300), (BATCHES, 255)])
@pytest.mark.timeout(200)
def test_a_huge_one_passes_with_flat_memory_and_leaves_size_and_digest(
    nexus: Nexus, sink: Sink, framing: str, target: str, mib: int
) -> None:
    with flat(nexus) as peaks:
        [before] = peaks
        client = Client(nexus, sink, "whole", target, CHUNKED if framing == "chunked" else length(mib * MIB))
        client.send(BLOCK, mib)
        if framing == "chunked":
            client.end()
        response = client.response()
        stored = nexus.stored(response.value("x-nexus-id"))

    print(f"\n{mib} MiB by {framing}: proxy {before:.1f} to {peaks[0]:.1f} MiB")
    taken = client.taken
    [bodies] = nexus.rows("SELECT * FROM proxy_exchangebody WHERE id = %s", stored["id"])
    assert (response.status, response.body) == (200, b'{"id":"file_1","type":"file"}')
    assert (taken.whole, taken.size, taken.digest) == (True, mib * MIB, digest_of(mib))
    assert (b"content-length" in taken.head) == (framing == "length")
    assert (stored["outcome"], stored["status"], stored["request_bytes"]) == ("complete", 200, mib * MIB)
    assert (bodies["request_not_kept"], bodies["request_dropped"]) == (True, False)
    assert bytes(bodies["request_digest"]).hex() == taken.digest
    assert peaks[0] - before <= MOST_MIB_EACH, f"{before:.0f} MiB became {peaks[0]:.0f}"


@pytest.mark.timeout(200)
def test_ten_at_once_take_no_more_than_their_share(nexus: Nexus, sink: Sink) -> None:
    with flat(nexus) as peaks:
        [before] = peaks
        clients = [Client(nexus, sink, "whole", FILES, length(80 * MIB)) for _ in range(10)]
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(lambda client: client.send(BLOCK, 80), clients))
        responses = [client.response() for client in clients]

    print(f"\n10 x 80 MiB: proxy {before:.1f} to {peaks[0]:.1f} MiB")
    assert [response.status for response in responses] == [200] * 10
    assert {client.taken.digest for client in clients} == {digest_of(80)}
    assert peaks[0] - before <= 10 * MOST_MIB_EACH


@pytest.mark.parametrize(("framing", "mib"), [(CHUNKED, 1), (CHUNKED, 9), (length(9 * MIB), 9)])
def test_one_within_the_bound_is_recorded_whole(nexus: Nexus, sink: Sink, framing: str, mib: int) -> None:
    client = Client(nexus, sink, "whole", FILES, framing)
    client.send(BLOCK, mib)
    if framing == CHUNKED:
        client.end()
    response = client.response()

    stored = nexus.stored(response.value("x-nexus-id"))
    [bodies] = nexus.rows("SELECT * FROM proxy_exchangebody WHERE id = %s", stored["id"])
    assert client.taken.digest == digest_of(mib)
    assert (stored["request_bytes"], bodies["request_not_kept"], bodies["request_dropped"]) == (
        mib * MIB,
        False,
        False,
    )
    assert bytes(bodies["request_digest"]).hex() == digest_of(mib)


def test_what_has_no_length_goes_up_before_its_end(nexus: Nexus, sink: Sink) -> None:
    client = Client(nexus, sink, "whole", FILES, CHUNKED)
    client.send(b"first")
    wait_for(lambda: client.taken.size == 5, 10)

    client.send(b" second")
    client.end()

    assert client.response().status == 200
    assert (client.taken.whole, client.taken.digest) == (True, sha256(b"first second").hexdigest())


@pytest.mark.parametrize(
    ("target", "size"),
    [(BATCHES, 256 * MIB + 1), (FILES, 500 * MIB + 1), ("/v1/files/x", 500 * MIB + 1)],
)
def test_more_than_the_api_takes_is_refused_before_a_byte_is_read(
    nexus: Nexus, sink: Sink, target: str, size: int
) -> None:
    client = Client(nexus, sink, "whole", target, f"{length(size)}\r\nexpect: 100-continue")
    response = client.response()

    assert response.status == 413
    assert json.loads(response.body)["error"]["type"] == "request_too_large"
    assert f"{size // MIB} MiB" in json.loads(response.body)["error"]["message"]
    assert client.name not in sink.taken


@pytest.mark.timeout(120)
def test_what_grows_beyond_it_is_cut_off_upstream(nexus: Nexus, sink: Sink) -> None:
    client = Client(nexus, sink, "whole", BATCHES, CHUNKED)
    client.send(BLOCK, 256)
    wire.send_what_is_taken(client.connection, b"1\r\nx\r\n")
    response = client.response()

    assert response.status == 413
    assert client.taken.closed.wait(10)
    assert not client.taken.whole
    stored = nexus.stored(response.value("x-nexus-id"))
    assert (stored["outcome"], stored["status"], stored["error_type"]) == (
        "refused",
        413,
        "request_too_large",
    )


def test_messages_stay_at_32_mib(nexus: Nexus, sink: Sink) -> None:
    client = Client(nexus, sink, "whole", "/v1/messages", length(32 * MIB + 1))
    wire.send_what_is_taken(client.connection, BLOCK * 32 + b"x")

    assert client.response().status == 413
    assert client.name not in sink.taken


def test_the_refusal_of_upstream_passes_while_the_client_still_sends(nexus: Nexus, sink: Sink) -> None:
    client = Client(nexus, sink, "refuse", FILES, length(20 * MIB))
    client.send(BLOCK)

    response = client.response()

    assert (response.status, json.loads(response.body)["error"]["type"]) == (401, "authentication_error")
    assert client.taken.closed.wait(10)
    assert len(sink.taken[client.name]) == 1
    stored = nexus.stored(response.value("x-nexus-id"))
    assert (stored["outcome"], stored["status"]) == ("upstream_error", 401)


def test_a_client_that_leaves_cuts_it_off_upstream(nexus: Nexus, sink: Sink) -> None:
    client = Client(nexus, sink, "whole", FILES, length(20 * MIB))
    client.send(BLOCK, 2)
    wait_for(lambda: client.taken.size == 2 * MIB, 10)
    client.connection.close()

    assert client.taken.closed.wait(10)
    assert not client.taken.whole
    query = "SELECT * FROM proxy_exchange WHERE outcome = 'client_left' AND request_bytes = %s"
    wait_for(lambda: nexus.rows(query, 2 * MIB), 20)


def test_a_batch_that_grows_beyond_a_spend_limit_is_refused_and_never_made(nexus: Nexus, sink: Sink) -> None:
    nexus.execute(
        "WITH made AS (INSERT INTO accounts_domain (name, slack_webhook_url, slack_channel, slack_username, slack_icon_emoji,"
        " slack_enabled, created_at) VALUES ('capped.example', '', '', '', '', true, now()) RETURNING id)"
        " INSERT INTO accounts_limit (domain_id, usd_per_day, updated_at) SELECT id, 0.5, now() FROM made"
    )
    line = b'{"custom_id":"a","params":{"model":"claude-sonnet-4-5","messages":[]}},'
    clients: list[Client] = []

    def status() -> int:
        client = Client(nexus, sink, "whole", BATCHES, length(20 * MIB), "capped.example")
        clients.append(client)
        wire.send_what_is_taken(client.connection, line + BLOCK * 20)
        return client.response().status

    wait_for(lambda: status() == 429, 20)  # once the proxy knows of the limit

    taken = clients[-1].taken
    assert taken.closed.wait(10)
    assert not taken.whole
    assert MIB < taken.size < 8 * MIB
    rows = nexus.rows("SELECT * FROM proxy_exchange WHERE domain = 'capped.example' AND status = 429")
    assert {(row["outcome"], row["error_type"]) for row in rows} <= {("refused", "rate_limit_error")}


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_upstream_that_takes_nothing_holds_the_client_back_and_is_given_up(nexus: Nexus, sink: Sink) -> None:
    with flat(nexus) as peaks:
        [before] = peaks
        began = time.monotonic()
        client = Client(nexus, sink, "deaf", FILES, length(400 * MIB))
        sender = threading.Thread(target=send_until_refused, args=(client.connection,))
        sender.start()
        response = client.response()
        sender.join()

    assert response.status == 504
    assert time.monotonic() - began < 20
    assert peaks[0] - before <= MOST_MIB_EACH


def send_until_refused(connection: socket.socket) -> None:
    for _ in range(400):
        try:
            connection.sendall(BLOCK)
        except OSError:
            return
