"""SIGHUP to the supervisor replaces the proxy while it serves: nobody is refused, nothing is cut, nothing is lost."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from tests.flow.conftest import Nexus
from tests.flow.load import ASK, Load
from tests.flow.services import wait_for
from tests.flow.stack import Stack, running_stack

RESTARTS, RATE = 3, 40.0
HEADERS = {"anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module", params=["1", "2"])
def stack(request: pytest.FixtureRequest, emulator: Running[Emulator]) -> Iterator[Stack]:
    with running_stack(emulator.url, PROXY_WORKERS=request.param) as running:
        yield running


def serving(stack: Stack) -> list[psutil.Process]:
    """The processes that the supervisor started to serve the proxy, the oldest first."""
    children = psutil.Process(stack.process.pid).children()
    found = [child for child in children if "nexus_project.serve" in child.cmdline()]
    return sorted(found, key=psutil.Process.create_time)


def only(stack: Stack) -> psutil.Process:
    """The one that serves, once those before it have ended."""
    wait_for(lambda: len(serving(stack)) == 1, 60, stack.words)
    return serving(stack)[0]


def replace(stack: Stack) -> None:
    """Replace the proxy and wait until the new one serves."""
    wait_for_more(stack, "proxy replaced", lambda: stack.process.send_signal(signal.SIGHUP))


def wait_for_more(stack: Stack, text: str, what: Callable[[], None]) -> None:
    """Do something and wait until it is said once more."""
    before = stack.count(text)
    what()
    wait_for(lambda: stack.count(text) > before, 60, stack.words)


def under_load(url: str, rate: float, what: Callable[[], None]) -> Load:
    """Do something while requests come, and two seconds before and after."""
    over = threading.Event()
    load = Load(url, rate)
    thread = threading.Thread(target=lambda: asyncio.run(load.run(lambda: not over.is_set())))
    thread.start()
    try:
        time.sleep(2)
        what()
        time.sleep(2)
    finally:
        over.set()
        thread.join()
    return load


def test_nobody_is_refused_while_the_proxy_is_replaced_and_everything_is_stored(stack: Stack) -> None:
    def replace_often() -> None:
        for _ in range(RESTARTS):
            replace(stack)

    load = under_load(stack.proxy_url, RATE, replace_often)

    assert set(load.outcomes) == {"200"}, load.outcomes
    stack.sent += load.outcomes["200"]
    wait_for(
        lambda: stack.pipeline().get("stored") == stack.sent, 180, lambda: f"{stack.sent} {stack.pipeline()}"
    )
    assert stack.pipeline()["accepted"] == stack.sent


def test_a_parent_of_several_processes_replaces_each_without_a_supervisor(
    make_proxy: Callable[..., Nexus],
) -> None:
    nexus = make_proxy(PROXY_WORKERS="2")
    parent = psutil.Process(nexus.proxy.popen.pid)
    before = [child for child in parent.children() if "spawn_main" in " ".join(child.cmdline())]

    def replace_both() -> None:
        parent.send_signal(signal.SIGHUP)
        wait_for(lambda: not any(child.is_running() for child in before), 60, nexus.proxy.words)

    load = under_load(nexus.url, RATE, replace_both)

    assert len(before) == 2
    assert set(load.outcomes) == {"200"}, load.outcomes


def test_a_stream_goes_on_to_its_end_while_the_new_process_serves_others(stack: Stack) -> None:
    slow = {**HEADERS, "x-emulate": "events=120,event-delay-ms=50"}
    old = only(stack)
    with (
        httpx.Client(base_url=stack.proxy_url, timeout=30) as client,
        client.stream("POST", "/v1/messages", json={**ASK, "stream": True}, headers=slow) as response,
    ):
        fragments = response.iter_raw()
        first = next(fragments)
        stack.sent += 2
        replace(stack)
        assert httpx.post(f"{stack.proxy_url}/v1/messages", json=ASK, headers=HEADERS).status_code == 200
        body = first + b"".join(fragments)

    assert b"message_stop" in body
    wait_for(lambda: not old.is_running(), 20, stack.words)
    assert len(serving(stack)) == 1


def test_who_connects_while_no_proxy_runs_waits_and_is_served(stack: Stack) -> None:
    pid = only(stack).pid
    wait_for_more(stack, "starting proxy again now", lambda: os.kill(pid, signal.SIGKILL))
    stack.sent += 1
    response = httpx.post(f"{stack.proxy_url}/v1/messages", json=ASK, headers=HEADERS, timeout=60)

    assert (response.status_code, json.loads(response.content)["type"]) == (200, "message")
