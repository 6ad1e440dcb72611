"""Ending a process and its group, for whoever may or may not be its parent."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable

import psutil

POLL_SECONDS = 0.02


def running(pid: int) -> bool:
    """Whether the process still does something; a zombie that nobody has reaped yet does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def birth(pid: int) -> float:
    """When the process started (seconds since 1970; 0.0 when it is gone): pid and birth name one for ever."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return 0.0


def end(leader: int, sign: signal.Signals, grace_seconds: float, gone: Callable[[], bool]) -> None:
    """Ask the leader of a process group to end, wait for it, then kill whatever the group still holds."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(leader, sign)
    wait_until(gone, grace_seconds)
    kill_group(leader)


def kill_group(leader: int) -> None:
    """Kill whatever the group of a process still holds, the process itself included."""
    # macOS answers EPERM for a group that holds only zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def end_child(
    child: subprocess.Popen[bytes],
    sign: signal.Signals,
    grace_seconds: float,
    hurry: Callable[[], bool] = lambda: False,
) -> None:
    """End a child's group and reap the child; `hurry` cuts the wait short."""
    end(child.pid, sign, grace_seconds, lambda: child.poll() is not None or hurry())
    child.wait()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
