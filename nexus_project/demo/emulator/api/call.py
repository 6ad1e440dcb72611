"""One request as the emulator's endpoints see it."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from nexus_project.demo.emulator.api.directives import Directives
from nexus_project.demo.received import Received

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A request with what its `x-emulate` header asks for; `json` is {} when the body is no JSON object."""

    entry: Received
    directives: Directives
    json: Json

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.entry.target.partition(b"?")[2].decode("latin-1")))

    @property
    def version(self) -> str:
        return self.entry.value("anthropic-version")

    def has_beta(self, name: str) -> bool:
        return name in self.entry.value("anthropic-beta")

    @property
    def last_segment(self) -> str:
        return self.entry.path.rsplit("/", 1)[-1]


def json_object(body: bytes) -> Json:
    """Return the body's JSON object, {} for anything else."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
