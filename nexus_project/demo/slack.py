"""A local TLS server that plays Slack's incoming webhooks.

Answers as in https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: plain `ok`, or a word
that names the error.
"""

import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from nexus_project.demo import serving
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.received import Received
from nexus_project.demo.script import Script
from nexus_project.demo.standin import StandIn

WEBHOOK_PATH = "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"


def plain(
    text: str, *, status: int = 200, headers: tuple[tuple[str, str], ...] = (), seconds: float = 0
) -> Script:
    """Return Slack's plain-text answer, given after so many seconds."""
    body = text.encode()
    head = (("content-type", "text/plain"), ("content-length", str(len(body))), *headers)
    return Script(status, head, (body,), head_pause=seconds)


OK = plain("ok")
NO_SERVICE = plain("no_service", status=404)
SERVER_ERROR = plain("rollup_error", status=500)


def rate_limited(retry_after_seconds: int) -> Script:
    return plain("rate_limited", status=429, headers=(("retry-after", str(retry_after_seconds)),))


def redirect(location: str) -> Script:
    return plain("", status=302, headers=(("location", location),))


def slow(seconds: float) -> Script:
    return plain("ok", seconds=seconds)


class Slack(StandIn):
    """Takes posts on any `/services/…` path; `answers` holds what the next ones are told in place of `ok`."""

    def __init__(self) -> None:
        super().__init__()
        self.responses: deque[Script] = deque()

    def response(self, entry: Received) -> Script:
        if entry.method != "POST" or not entry.path.startswith("/services/"):
            return plain("not_found", status=404)
        return self.responses.popleft() if self.responses else OK


@dataclass(frozen=True, slots=True)
class RunningSlack:
    """`webhook_url` is the https address to post to; `ca_file` is the authority to trust, in PEM."""

    webhook_url: str
    ca_file: Path
    app: Slack

    @property
    def posts(self) -> list[Received]:
        return self.app.log.entries()


@contextmanager
def serve() -> Iterator[RunningSlack]:
    """Serve a fresh Slack at `https://localhost:PORT` under a certificate made for this run."""
    authority = trustme.CA()
    with tempfile.TemporaryDirectory(prefix="slack-") as folder:
        ca_file, pem = Path(folder) / "ca.pem", Path(folder) / "server.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
        certificate = serving.Certificate(pem, "localhost")
        with serving.serve(Slack(), http=ConnectionProtocol, certificate=certificate) as running:
            yield RunningSlack(running.url + WEBHOOK_PATH, ca_file, running.app)
