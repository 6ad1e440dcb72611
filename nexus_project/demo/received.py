"""What a stand-in server received, exactly: the truth that a test compares a proxy's record with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from nexus_project.demo.script import Outcome
from nexus_project.demo.serving import Receive

CREDENTIAL_HEADERS = (b"x-api-key", b"authorization", b"proxy-authorization", b"cookie")


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived, and how its answer ended ("open" while it runs).

    `target` is the request line's target with its query; `headers` keep order, case and repeats.
    `number` counts from 1 in order of arrival. `request_id` is the one given in the answer.
    """

    number: int
    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    sha256: str
    started_at: datetime
    outcome: Outcome | Literal["open"] = "open"
    status: int | None = None
    request_id: str | None = None

    @property
    def path(self) -> str:
        """The target without its query, still percent-encoded."""
        return self.target.split(b"?", 1)[0].decode("latin-1")

    def values(self, name: str) -> list[str]:
        """Return every value of a header, in order; the name's case does not matter."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == wanted]

    def value(self, name: str) -> str:
        """Return a header's values joined by commas, "" if it did not come."""
        return ", ".join(self.values(name))

    @property
    def credential(self) -> str | None:
        """The key or token that came: `x-api-key`, else the bearer."""
        bearer = self.value("authorization").removeprefix("Bearer ")
        return self.value("x-api-key") or bearer or None


def summary(entry: Received, *, masked: bool) -> dict[str, object]:
    """Return an entry as JSON without its body; bytes are decoded as latin-1, so nothing is lost."""
    headers = [
        [
            name.decode("latin-1"),
            "****" if masked and name.lower() in CREDENTIAL_HEADERS else value.decode("latin-1"),
        ]
        for name, value in entry.headers
    ]
    return {
        "number": entry.number,
        "method": entry.method,
        "target": entry.target.decode("latin-1"),
        "headers": headers,
        "size": len(entry.body),
        "sha256": entry.sha256,
        "started_at": entry.started_at.isoformat(),
        "outcome": entry.outcome,
        "status": entry.status,
        "request_id": entry.request_id,
    }


async def read_body(receive: Receive) -> tuple[bytes, bool]:
    """Return the request's body and whether all of it came; a client that hangs up leaves a part."""
    fragments: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(fragments), False
        fragments.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(fragments), True
