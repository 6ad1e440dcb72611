"""How connections come in: several at each turn of the loop, as a busy loop has few turns."""

import asyncio
import resource
import subprocess
import sys
from contextlib import ExitStack
from socket import create_connection, socket

import pytest
import uvloop

from nexus_project import serve

CLIENTS, MOST_TURNS = 64, 6


async def _turns(listeners: list[socket]) -> int:
    """How many turns the loop takes until all clients that wait are let in."""
    loop, accepted = asyncio.get_running_loop(), []

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(transport)

    servers = [await loop.create_server(Accepted, sock=listener) for listener in listeners]
    with ExitStack() as clients:
        for _ in range(CLIENTS):
            clients.enter_context(create_connection(listeners[0].getsockname()))
        turns = 0
        while len(accepted) < CLIENTS and turns < 2 * CLIENTS:
            await asyncio.sleep(0)
            turns += 1
    for transport in accepted:
        transport.close()
    for server in servers:
        server.close()
        await server.wait_closed()
    return turns


def test_a_busy_loop_lets_32_connections_in_at_each_turn() -> None:
    sockets = serve.listeners(serve.configure(serve.parse(["--port", "0"])))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        turns = runner.run(_turns(sockets))
    assert turns <= MOST_TURNS


@pytest.mark.parametrize("workers", [1, 2])
def test_each_process_listens_with_all_of_them(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[socket]] = []
    monkeypatch.setattr("nexus_project.serve.Server.run", lambda _, sockets: given.append(sockets))
    monkeypatch.setattr(serve.Workers, "run", lambda parent: given.append(parent.sockets))
    serve.main(["--port", "0", "--workers", str(workers)])
    (sockets,) = given
    try:
        assert len(sockets) == 32
        assert len({item.getsockname() for item in sockets}) == 1
    finally:
        for item in sockets:
            item.close()


def test_a_port_in_use_is_named() -> None:
    with socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        command = [sys.executable, "-m", "nexus_project.serve", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert f"port {port}: not listened on" in done.stderr


@pytest.mark.parametrize(
    ("soft", "hard", "taken"),
    [
        (1024, 4096, 4096),
        (1024, 10**9, 32_768),
        (1024, resource.RLIM_INFINITY, 32_768),
        (65_536, 65_536, 65_536),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY),
    ],
)
def test_it_takes_the_descriptors_that_it_may_have(
    soft: int, hard: int, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {resource.RLIMIT_NOFILE: (soft, hard)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)

    serve.raise_descriptors()

    assert limits[resource.RLIMIT_NOFILE] == (taken, hard)


def test_a_descriptor_that_is_no_socket_is_named() -> None:
    command = [sys.executable, "-m", "nexus_project.serve", "--fd", "0"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert (
        done.stderr
        == "--fd=0 is not a socket that listens (Socket operation on non-socket): give --host and --port.\n"
    )
