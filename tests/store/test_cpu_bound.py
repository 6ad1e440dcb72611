"""The bound on the time of one record: it ends what does not end, once, and leaves nothing behind."""

import gc
import signal
import threading
import time
from collections.abc import Callable

import pytest

from proxy.store.cpu_bound import AGAIN_SECONDS, Bounded, TooSlow


def spin(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


class Slow:
    """Takes a while to be freed, as the million objects of a huge body do."""

    def __del__(self) -> None:
        until = time.process_time() + 3 * AGAIN_SECONDS
        while time.process_time() < until:
            try:
                spin(0.01)
            except TooSlow:
                pass


def test_what_takes_too_long_is_ended_and_the_timer_with_it() -> None:
    handler = signal.getsignal(signal.SIGVTALRM)

    with pytest.raises(TooSlow), Bounded(0.1):
        spin(60)

    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) is handler


def test_what_is_quick_enough_is_not_ended_later() -> None:
    with Bounded(0.2):
        spin(0.05)

    spin(0.3)
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def hold(_: object) -> None:
    slow = Slow()
    spin(60)
    del slow


def swallow(_: object) -> None:
    try:
        spin(60)
    except TooSlow:  # as a destructor or a callback of the garbage collector does
        spin(60)


@pytest.mark.parametrize("work", [hold, swallow])
def test_nothing_is_raised_after_the_end_and_an_end_that_got_lost_comes_again(
    work: Callable[[object], None],
) -> None:
    ended = 0
    for _ in range(5):
        try:
            with Bounded(0.05):
                work(None)
        except TooSlow:
            ended += 1
            spin(2 * AGAIN_SECONDS)

    assert ended == 5
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def collect_and_spin() -> None:
    gc.collect()
    spin(60)


def test_an_end_within_a_callback_of_the_garbage_collector_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda got: lost.append(got.exc_type))

    def callback(*_: object) -> None:
        spin(0.3)

    gc.callbacks.append(callback)
    try:
        with pytest.raises(TooSlow), Bounded(0.1):
            collect_and_spin()
    finally:
        gc.callbacks.remove(callback)
    assert set(lost) == {TooSlow}


def test_another_thread_is_not_bounded() -> None:
    ended: list[str] = []

    def work() -> None:
        with Bounded(0.05):
            spin(0.2)
        ended.append("whole")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == ["whole"]


def test_what_the_garbage_collector_calls_is_not_ended_but_what_goes_on_after_it() -> None:
    seen = []

    def callback(phase: str, info: dict[str, int]) -> None:
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
        seen.append(phase)

    def collect_and_go_on() -> None:
        gc.collect()
        spin(60)

    gc.collect()  # what other tests left would be freed within
    gc.callbacks.append(callback)
    try:
        with pytest.raises(TooSlow), Bounded(0.1):
            collect_and_go_on()
    finally:
        gc.callbacks.remove(callback)

    assert seen[:2] == ["start", "stop"]
