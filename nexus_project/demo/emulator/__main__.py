"""Run the emulator: `python -m nexus_project.demo.emulator --port 3100`."""

import argparse
import asyncio
import sys
from pathlib import Path

from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator.app import create_app
from nexus_project.demo.serving import SettlingServer, configure, free_socket


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m nexus_project.demo.emulator",
        description="A local emulator of the Anthropic API. It needs no key and calls nobody.",
    )
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append what is received as JSON lines")
    return parser.parse_args(words)


async def run(host: str, port: int, log: Path | None) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        OSError: the port is in use, or the log cannot be written.
    """
    listener = free_socket(host, port)
    bound = listener.getsockname()[1]
    server = SettlingServer(
        configure(create_app(log), http=ConnectionProtocol),
        lambda started: started and print(f"emulator ready on http://{host}:{bound}", flush=True),
    )
    await server.serve([listener])


def main(words: list[str] | None = None) -> int:
    given = arguments(words)
    try:
        asyncio.run(run(given.host, given.port, given.log))
    except OSError as problem:
        print(f"The emulator cannot start on {given.host}:{given.port}: {problem}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # uvicorn raises the signal again after a clean stop: that is how the emulator is meant to end.
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
