"""What a client does not read is not made, through a real daphne."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import ports
from tests.flow.services import wait_for

MIB = 1024**2


@pytest.fixture
def port() -> Iterator[int]:
    number = ports.free()
    command = [
        sys.executable,
        "-m",
        "daphne",
        "-b",
        "127.0.0.1",
        "-p",
        str(number),
        "tests.dashboard.endless:application",
    ]
    process = subprocess.Popen(command, cwd=BASE_DIR, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(number), 30)
        yield number
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        return made(port) == 0
    except httpx.TransportError:
        return False


def made(port: int) -> int:
    return int(httpx.get(f"http://127.0.0.1:{port}/count").text.split()[0])


def test_a_response_waits_for_a_client_that_reads_slowly_and_goes_on_with_it(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        client.recv(1000)
        time.sleep(2)
        waiting = made(port)
        time.sleep(0.5)
        assert made(port) == waiting < 20 * MIB

        read = 0
        while read < 2 * waiting + 20 * MIB:
            read += len(client.recv(MIB))
        assert made(port) > waiting + 10 * MIB


def test_who_reads_gets_it_to_its_end_and_the_connection_serves_on(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        with client.stream("GET", "/") as response:
            assert sum(map(len, response.iter_bytes())) == 200 * MIB
        assert client.get("/count").text == f"{200 * MIB} False"
