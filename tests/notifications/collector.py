"""A local server that takes telemetry."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nexus_project.demo import serving
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.received import Received
from nexus_project.demo.script import Script
from nexus_project.demo.slack import plain
from nexus_project.demo.standin import StandIn


class Collector(StandIn):
    """Answers every post with `status`."""

    status = 200
    url = ""

    def response(self, entry: Received) -> Script:
        return plain("", status=self.status)

    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(entry.body) for entry in self.log.entries()]


@contextmanager
def serve() -> Iterator[Collector]:
    with serving.serve(Collector(), http=ConnectionProtocol) as running:
        running.app.url = f"{running.url}/collect"
        yield running.app
