"""A spool, a shipper and a real broker, with a time that the test sets."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from celery import current_app

from proxy.batch import decode
from proxy.record import Batch, Part
from proxy.relay.shipping.broker import Broker, BrokerDown
from proxy.relay.shipping.shipper import Shipper
from proxy.relay.spool.recovery import claim
from proxy.relay.spool.spool import Spool
from tests.relay.redis_server import OwnRedis

LIMIT = 64 * 1024**2


@dataclass
class NotedBroker(Broker):
    """The real one; it also notes what was sent, and refuses it while it is `down`."""

    ids: list[str] = field(default_factory=list)
    messages: list[Batch | Part] = field(default_factory=list)
    down: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def send(self, payload: bytes) -> str:
        if self.down:
            raise BrokerDown("by the test")
        self.ids.append(super().send(payload))
        self.messages.append(decode(payload))
        return self.ids[-1]

    @property
    def batches(self) -> list[Batch]:
        """What was sent; fails where a part of a large file was."""
        batches = [message for message in self.messages if isinstance(message, Batch)]
        assert len(batches) == len(self.messages), "a part was sent"
        return batches

    def serials(self) -> list[list[int]]:
        """The serials of each batch."""
        return [[record.serial for record in batch.records] for batch in self.batches]

    def offsets(self) -> list[int | str]:
        """The offset of each part, the word batch for what is none."""
        return [message.offset if isinstance(message, Part) else "batch" for message in self.messages]


@dataclass
class Scene:
    """One proxy process' spool and shipper; `turn` lets that many seconds pass."""

    own: OwnRedis
    root: Path
    spool: Spool
    broker: NotedBroker
    shipper: Shipper
    now: float = 1000.0

    def turn(self, seconds: float = 0.3) -> None:
        self.now += seconds
        self.shipper.turn(self.now)

    def report(self, state: str, message: int = -1) -> None:
        result = ValueError("why") if state in {"FAILURE", "RETRY"} else 0
        current_app.backend.store_result(self.broker.ids[message], result, state)

    def heartbeat(self, spool: Spool) -> dict[str, float]:
        beat: dict[str, float] = json.loads(self.own.heartbeat(spool.id) or b"{}")
        return beat


@contextmanager
def scene_of(own: OwnRedis, root: Path) -> Iterator[Scene]:
    """A scene whose spools are shut and whose broker is closed at its end."""
    spool, broker = claim(root, LIMIT), NotedBroker()
    made = Scene(own, root, spool, broker, Shipper(root, spool, broker))
    yield made
    for held in made.shipper._spools:
        held.shut()
    broker.close()
