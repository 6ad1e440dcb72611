"""Readiness: red before the first access snapshot and while draining; whoever is inside gets an answer."""

import json
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from nexus_project.stack.machine import ports
from nexus_project.stack.supervision import commands
from tests.flow.conftest import Nexus
from tests.flow.services import Process, wait_for

ASK = {
    "model": "claude-sonnet-5",
    "max_tokens": 500,
    "stream": True,
    "messages": [{"role": "user", "content": "go on"}],
}


@pytest.fixture(scope="module", params=["1", "2"])
def system(make_proxy: Callable[..., Nexus], request: pytest.FixtureRequest) -> Nexus:
    """With one process and with two."""
    return make_proxy(PROXY_WORKERS=request.param)


@pytest.fixture
def drained(system: Nexus) -> Nexus:
    """The same, started again where a test has stopped it."""
    if system.proxy.popen.poll() is not None:
        system.proxy.start()
    return system


def is_red(nexus: Nexus) -> bool:
    """Whether a balancer would send no more requests."""
    try:
        return httpx.get(f"{nexus.url}/health/ready", timeout=1).status_code == 503
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        return False


def test_a_draining_proxy_is_red_at_once_and_its_streams_go_on(drained: Nexus) -> None:
    client = drained.client(**{"x-emulate": "events=30,event-delay-ms=25"})
    with client.stream("POST", "/v1/messages", json=ASK) as response:
        fragments = response.iter_raw()
        next(fragments)
        stopping = threading.Thread(target=drained.proxy.stop)
        stopping.start()
        wait_for(lambda: is_red(drained), 1)
        events = b"".join(fragments)
    stopping.join()

    assert b"message_stop" in events
    assert drained.stored(response.headers["x-nexus-id"])["outcome"] == "complete"


def test_what_outlasts_the_grace_is_broken_off_and_stored_as_aborted(drained: Nexus) -> None:
    mark = uuid4().hex
    waiting: list[httpx.Response] = []

    def wait_for_a_head() -> None:
        headers = {"x-emulate": "delay-ms=20000", "x-test-id": mark, "anthropic-version": "2023-06-01"}
        waiting.append(httpx.post(f"{drained.url}/v1/messages", json=ASK, headers=headers, timeout=20))

    waiter = threading.Thread(target=wait_for_a_head)
    waiter.start()
    client = drained.client(**{"x-emulate": "events=2000,event-delay-ms=25", "x-test-id": mark})
    with client.stream("POST", "/v1/messages", json=ASK) as response:
        fragments = response.iter_raw()
        next(fragments)
        drained.proxy.popen.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.RemoteProtocolError):
            list(fragments)
    waiter.join()
    drained.proxy.stop()

    wait_for(lambda: drained.outcomes(mark) == ["aborted"] * 2)
    assert (waiting[0].status_code, waiting[0].json()["error"]["type"]) == (503, "api_error")
    assert "Traceback" not in drained.proxy.words()


def test_before_the_first_snapshot_the_proxy_is_alive_but_not_ready(tmp_path: Path) -> None:
    place = commands.Deployment("127.0.0.1", ports.free(), ports.free(), tmp_path)
    service = replace(commands.proxy(place), ready_url=f"{place.proxy_url}/health/live")
    unreachable = {
        "DATABASE_URL": f"postgresql://nobody:x@127.0.0.1:{ports.free()}/none",
        "NEXUS_DATA_DIR": str(tmp_path),
        "CREDENTIALS_DIR": str(tmp_path),
        "REDIS_URL": "",
        "FIELD_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    }
    proxy = Process(service, unreachable, tmp_path / "proxy.log").start()
    try:
        ready = httpx.get(f"{place.proxy_url}/health/ready")
        health = httpx.get(f"{place.proxy_url}/health")
        asked = httpx.post(f"{place.proxy_url}/v1/messages", json=ASK)
    finally:
        proxy.stop()

    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
    assert (asked.status_code, json.loads(asked.content)["error"]["type"]) == (503, "api_error")


def test_predecessor_defect_19_token_stats_are_there_right_after_a_restart_and_over_all_processes(
    make_nexus: Callable[..., Nexus],
) -> None:
    nexus = make_nexus(PROXY_WORKERS="2", STORAGE_ENABLED="true")
    body = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
    usage = [nexus.client().post("/v1/messages", json=body).json()["usage"] for _ in range(12)]
    spools = len([path for path in (nexus.data_dir / "var" / "spool").iterdir() if path.is_dir()])

    expected = sum(each["output_tokens"] for each in usage)
    port = httpx.URL(nexus.url).port

    def totals() -> list[int | None]:
        return [
            (nexus.client().get(f"/token-stats?domain=127.0.0.1:{port}").json() or {}).get("outputTokens")
            for _ in range(6)
        ]

    assert spools == 2
    wait_for(lambda: totals() == [expected] * 6)
    nexus.proxy.stop()
    nexus.worker.stop()
    nexus.worker.start()
    nexus.proxy.start()
    assert totals() == [expected] * 6
