"""Serve the proxy: `python -m nexus_project.serve --host … --port … --workers … --grace SECONDS`.

Whoever holds the listening socket gives it by `--fd` instead, and one process may follow another at it (decision 0032).
"""

import argparse
import logging
import os
import resource
import signal
import sys
from contextlib import suppress
from socket import socket

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

log = logging.getLogger("uvicorn.error")  # the one that is set up in the parent of several processes

# Longer than balancers keep their idle connections: else a request can meet a connection that is just being closed.
KEEP_ALIVE_SECONDS = 75
# At each turn of its loop libuv accepts one connection of each socket it listens on (decision 0027).
ACCEPTED_A_TURN = 32
DESCRIPTORS = 32_768
START_SECONDS = 60


class OneProcess(Server):
    """uvicorn's server, which says at `ready`, a descriptor, when it accepts."""

    def __init__(self, config: Config, ready: int | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        announce(self._ready)


class Workers(Multiprocess):
    """uvicorn's parent of several processes, which lets go of the port when it stops.

    Otherwise the kernel would accept connections that nobody answers for as long as the last stream runs. SIGHUP puts new
    processes in the places of those that run; these drain while the new ones serve.
    """

    def __init__(self, config: Config, sockets: list[socket], ready: int | None = None) -> None:
        super().__init__(config, sockets)
        self._ready = ready
        self._draining: list[Process] = []

    def keep_subprocess_alive(self) -> None:
        """Replace what died, and say once that all serve."""
        super().keep_subprocess_alive()
        self._draining = [process for process in self._draining if process.process.is_alive()]
        if self._ready is not None and all(process.is_ready() for process in self.processes):
            announce(self._ready)
            self._ready = None

    def restart_all(self) -> None:
        """Start a new process in each place and wait until it serves before the old one drains."""
        for position, old in enumerate(self.processes):
            if {signal.SIGINT, signal.SIGTERM} & set(self.signal_queue):
                return
            new = Process(self.config, self.sockets)
            new.start()
            if not new.wait_until_ready(START_SECONDS, self.should_exit):
                new.kill()
                new.join()
                log.error("serve.not_replaced")
                return
            self.processes[position] = new
            old.terminate()
            self._draining.append(old)

    def terminate_all(self) -> None:
        """End the processes; each drains."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for all of them, also for those that were replaced."""
        super().join_all()
        for process in self._draining:
            process.join()


def announce(ready: int | None) -> None:
    """Tell whoever started this that it serves now; nobody may be listening any more."""
    if ready is not None:
        with suppress(BrokenPipeError):
            os.write(ready, b"1")
        os.close(ready)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options, each with what it means."""
    parser = argparse.ArgumentParser(prog="nexus_project.serve", description="Serve the proxy.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=3000, help="port to listen on")
    parser.add_argument("--fd", type=int, help="descriptor of a socket that listens already, instead of both")
    parser.add_argument(
        "--ready", type=int, help="descriptor to write a byte to once connections are accepted"
    )
    parser.add_argument(
        "--workers", type=int, help="processes that share the port, else WEB_CONCURRENCY, else 1"
    )
    parser.add_argument("--grace", type=int, default=30, help="seconds that running streams get at the end")
    return parser.parse_args(arguments)


def configure(options: argparse.Namespace) -> Config:
    """uvicorn's settings: nothing of its own is added to an answer."""
    return Config(
        "nexus_project.asgi.proxy:application",
        host=options.host,
        port=options.port,
        workers=options.workers,
        timeout_graceful_shutdown=options.grace,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        loop="uvloop",
        http="proxy.relay.http.draining:DrainingProtocol",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )


def listeners(config: Config, descriptor: int | None = None) -> list[socket]:
    """The port's one socket, under several descriptors; SystemExit, and a line that says why, when it cannot be bound."""
    try:
        first = config.bind_socket() if descriptor is None else socket(fileno=descriptor)
    except SystemExit:
        sys.exit(
            f"{config.host}, port {config.port}: not listened on (see above). Give another by --host and --port."
        )
    except OSError as error:
        sys.exit(
            f"--fd={descriptor} is not a socket that listens ({error.strerror}): give --host and --port."
        )
    return [first, *(first.dup() for _ in range(ACCEPTED_A_TURN - 1))]


def raise_descriptors() -> None:
    """Take as many descriptors as the system lets a process have: mostly it starts with 1,024, for 500 streams at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(arguments: list[str]) -> int:
    """Serve until a signal comes; 0 after a drained stop."""
    options = parse(arguments)
    config = configure(options)
    raise_descriptors()
    sockets = listeners(config, options.fd)
    if config.workers > 1:
        Workers(config, sockets, options.ready).run()
        return 0
    server = OneProcess(config, options.ready)
    server.run(sockets)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
