"""uvicorn's parent of several processes: new ones in the places of those that run, and the old ones drain."""

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from nexus_project import serve
from nexus_project.serve import Workers


class FakeProcess:
    """Notes what is done to it; `serves` is whether it would ever be ready."""

    serves = True

    def __init__(self, *_: object) -> None:
        self.done: list[str] = []
        self.pid = 1
        self.process = SimpleNamespace(is_alive=lambda: True)

    def start(self) -> None:
        self.done.append("start")

    def wait_until_ready(self, *_: object) -> bool:
        self.done.append("wait")
        return self.serves

    def is_alive(self, timeout: float) -> bool:
        return True

    def is_ready(self) -> bool:
        return self.serves

    def terminate(self) -> None:
        self.done.append("terminate")

    def kill(self) -> None:
        self.done.append("kill")

    def join(self) -> None:
        self.done.append("join")


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    monkeypatch.setattr(serve, "Process", FakeProcess)
    monkeypatch.setattr("uvicorn.supervisors.multiprocess.signal.signal", lambda *_: None)
    made = Workers(serve.configure(serve.parse(["--workers", "2"])), [])
    running: list[Any] = [FakeProcess(), FakeProcess()]
    made.processes = running
    return made


def test_each_new_process_serves_before_the_old_one_drains_and_none_is_waited_for(workers: Workers) -> None:
    old: list[Any] = list(workers.processes)

    workers.restart_all()

    assert [process.done for process in old] == [["terminate"], ["terminate"]]
    new: list[Any] = list(workers.processes)
    assert [process.done for process in new] == [["start", "wait"]] * 2
    workers.join_all()
    assert all(process.done[-1] == "join" for process in [*old, *new])


def test_a_new_process_that_does_not_start_leaves_the_old_ones_alone(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    old: list[Any] = list(workers.processes)
    monkeypatch.setattr(FakeProcess, "serves", False)

    workers.restart_all()

    assert workers.processes == old
    assert [process.done for process in old] == [[], []]


def test_who_asks_it_to_stop_meanwhile_does_not_wait_for_new_processes(workers: Workers) -> None:
    old = list(workers.processes)
    workers.signal_queue.append(signal.SIGTERM)

    workers.restart_all()

    assert workers.processes == old


def test_it_says_once_that_all_of_them_serve(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, workers._ready = os.pipe()
    monkeypatch.setattr(FakeProcess, "serves", False)
    workers.keep_subprocess_alive()
    assert workers._ready is not None
    monkeypatch.setattr(FakeProcess, "serves", True)
    workers.keep_subprocess_alive()
    workers.keep_subprocess_alive()

    assert os.read(reading, 2) == b"1"
    assert os.read(reading, 2) == b""
    os.close(reading)


def test_nobody_may_listen_any_more_when_it_says_so() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    serve.announce(writing)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(writing)
