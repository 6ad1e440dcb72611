"""Serve the proxy: `python -m nexus_project.serve --host … --port … --workers … --grace SECONDS`."""

import argparse
import resource
import sys
from socket import socket

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

# Longer than balancers keep their idle connections: else a request can meet a connection that is just being closed.
KEEP_ALIVE_SECONDS = 75
# At each turn of its loop libuv accepts one connection of each socket it listens on (decision 0027).
ACCEPTED_A_TURN = 32
DESCRIPTORS = 32_768


class Workers(Multiprocess):
    """uvicorn's parent of several processes, which lets go of the port when it stops.

    Otherwise the kernel would accept connections that nobody answers for as long as the last stream runs.
    """

    def terminate_all(self) -> None:
        """End the processes; each drains."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def configure(arguments: list[str]) -> Config:
    """uvicorn's settings: nothing of its own is added to an answer."""
    parser = argparse.ArgumentParser(prog="nexus_project.serve", description="Serve the proxy.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=3000, help="port to listen on")
    parser.add_argument(
        "--workers", type=int, help="processes that share the port, else WEB_CONCURRENCY, else 1"
    )
    parser.add_argument("--grace", type=int, default=30, help="seconds that running streams get at the end")
    options = parser.parse_args(arguments)
    return Config(
        "nexus_project.asgi.proxy:application",
        host=options.host,
        port=options.port,
        workers=options.workers,
        timeout_graceful_shutdown=options.grace,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        loop="uvloop",
        http="proxy.relay.protocol:Protocol",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )


def listeners(config: Config) -> list[socket]:
    """The port's one socket, under several descriptors; SystemExit, and a line that says why, when it cannot be bound."""
    try:
        first = config.bind_socket()
    except SystemExit:
        sys.exit(
            f"{config.host}, port {config.port}: not listened on (see above). Give another by --host and --port."
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
    config = configure(arguments)
    raise_descriptors()
    sockets = listeners(config)
    if config.workers > 1:
        Workers(config, sockets=sockets).run()
        return 0
    server = Server(config)
    server.run(sockets)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
