"""TCP ports: a free one, and whether a wanted one is free."""

import contextlib
import errno
import secrets
import socket
import sys
from collections import deque
from pathlib import Path

from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import folders

BACKLOG = 2048  # uvicorn's own
# Below those that systems give to outgoing connections (Linux from 32768, macOS from 49152), one of which could have the port
# before its server listens.
CHOICE = range(20000, 32768)
ATTEMPTS = 50
# How many of the latest choices a process keeps for itself; by then the earlier ones have their servers.
CLAIMS = 32
_claims: deque[socket.socket] = deque()


def free(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment, and that no connection to elsewhere takes in the next one."""
    for port in (*(secrets.choice(CHOICE) for _ in range(ATTEMPTS)), 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((host, port))
            chosen = int(probe.getsockname()[1])
            _claim(chosen)
            return chosen
    raise StackError(f"No port is free at {host}: stop what listens there, or look for what uses them up.")


def _claim(port: int) -> None:
    """Keep other processes from choosing it before its server listens; OSError where one has. Linux alone has such names."""
    if sys.platform != "linux":
        return
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0nexus-port-{port}")  # an abstract name: no file, gone with the process
    except OSError:
        claim.close()
        raise
    _claims.append(claim)
    if len(_claims) > CLAIMS:
        _claims.popleft().close()


def kept(file: Path) -> int:
    """The port that a file keeps if nobody listens on it, else a free one, kept from now on.

    Who knows a server's address can so go on with it after the server was started anew.
    """
    with contextlib.suppress(OSError, ValueError, OverflowError):
        port = int(file.read_text(encoding="utf-8"))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    port = free()
    folders.write_private_file(file, f"{port}\n")
    return port


def require_free(host: str, port: int, setting: str) -> None:
    """Raise StackError when a service could not listen there; `setting` names what chooses the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        raise StackError(refusal(host, port, setting, error)) from error


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A socket that listens there; StackError as for `require_free`. Who connects waits until somebody accepts."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StackError(refusal(host, port, setting, error)) from error
    return listener


def refusal(host: str, port: int, setting: str, error: OSError) -> str:
    """Why a service cannot listen there, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use: stop the program that listens on it, or choose another with {setting}=…"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than this user has: choose one above 1023 with {setting}=…"
    return f"HOST={host} is not an address of this machine ({error.strerror}): set HOST=127.0.0.1 or its own."
