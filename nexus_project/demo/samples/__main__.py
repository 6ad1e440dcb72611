"""Send sample traffic: `python -m nexus_project.demo.samples --proxy http://127.0.0.1:3000`."""

import argparse
import random
import signal
import socket
import sys
from itertools import chain, repeat
from threading import Event
from urllib.parse import urlsplit

import httpx2
from anthropic import APIError
from rich.console import Console
from rich.progress import Progress

from nexus_project.demo.samples.programme import PROGRAMME
from nexus_project.demo.samples.scenes import UnexpectedResponseError
from nexus_project.demo.samples.sender import Sender
from nexus_project.demo.samples.trickle import trickle

DEMO_KEY = "sk-ant-demo-0000000000000000000000000000"
CONNECT_SECONDS = 5


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m nexus_project.demo.samples",
        description="Send sample traffic through a running proxy, with the emulator as upstream: questions, "
        "streams, tools, errors, rare answers and an agent session with sub-agents, in the name of several domains.",
    )
    parser.add_argument("--proxy", required=True, metavar="URL", help="for example http://127.0.0.1:3000")
    parser.add_argument("--client-key", default=DEMO_KEY, metavar="KEY", help="default: a made-up key")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed asks the same (default: %(default)s)"
    )
    parser.add_argument(
        "--trickle", action="store_true", help="go on with a request or two a second until SIGINT or SIGTERM"
    )
    return parser.parse_args(words)


def unreachable(proxy: str) -> str | None:
    """Return one sentence on why nobody can be reached at this address, None if somebody can."""
    try:
        address = urlsplit(proxy)
        port = address.port or (443 if address.scheme == "https" else 80)
    except ValueError as problem:
        return f"--proxy {proxy!r} is no address: {problem}."
    if address.scheme not in ("http", "https") or not address.hostname:
        return f"--proxy {proxy!r} is no address: write it like http://127.0.0.1:3000."
    try:
        socket.create_connection((address.hostname, port), CONNECT_SECONDS).close()
    except OSError as problem:
        return f"No proxy answers at {proxy} ({problem}): start it with `make proxy`, or give its --proxy."
    return None


def play_programme(sender: Sender, source: random.Random, console: Console, stop: Event) -> int:
    """Play every scene, and return how many did not go as meant."""
    problems = 0
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Sample traffic", total=sum(scene.times for scene in PROGRAMME))
        for scene in chain.from_iterable(repeat(scene, scene.times) for scene in PROGRAMME):
            if stop.is_set():
                break
            progress.update(task, description=scene.title, advance=1)
            try:
                scene.play(sender, source)
            except (APIError, UnexpectedResponseError, httpx2.HTTPError) as problem:
                problems += 1
                console.print(f"{scene.title}: {problem}", markup=False, highlight=False)
    return problems


def main(words: list[str] | None = None) -> int:
    given = arguments(words)
    console = Console()
    problem = unreachable(given.proxy)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    source = random.Random(given.seed)
    sender = Sender(given.proxy, given.client_key)
    problems = play_programme(sender, source, console, stop)
    console.print(summary(sender, problems), markup=False, highlight=False, soft_wrap=True)
    if given.trickle:
        trickle(sender, source, stop)
    else:
        sender.close()
    return 1 if problems else 0


def summary(sender: Sender, problems: int) -> str:
    sent = sender.statuses.total()
    refused = sum(count for status, count in sender.statuses.items() if status >= 400)
    ending = f"{problems} did not go as meant" if problems else "all as meant"
    return (
        f"{sent} requests for {len(sender.domains)} domains, {refused} of them refused on purpose; {ending}."
    )


if __name__ == "__main__":
    sys.exit(main())
