"""A stand-in for a server of the outside world: it records what it gets and plays what it is told."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path

from nexus_project.demo.log import Log
from nexus_project.demo.received import Received, read_body
from nexus_project.demo.script import Outcome, Script, play
from nexus_project.demo.serving import Receive, Scope, Send


class StandIn(ABC):
    """An ASGI app that logs every request before it answers; serve it with `ConnectionProtocol`."""

    def __init__(self, log_file: Path | None = None) -> None:
        self.log = Log(log_file)

    @abstractmethod
    def response(self, entry: Received) -> Script:
        """Return what this request is answered with."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started_at = datetime.now(UTC)
        body, whole = await read_body(receive)
        entry = self.log.arrived(scope, body, started_at)
        # A stop of the server cancels running answers: to the client that is a cut as well.
        outcome: Outcome = "cut" if whole else "client_left"
        script: Script | None = None
        try:
            if whole:
                script = self.response(entry)
                outcome = await play(script, scope, receive, send)
        finally:
            self.log.ended(entry, outcome, script if script and script.end != "no_head" else None)
