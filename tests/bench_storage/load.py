"""Batches as proxies send them, for measuring ingest: small exchanges, and agents that send their history each time."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from proxy.record import Batch, Closing, Record
from tests.store.agent_session import AgentSession
from tests.store.records import (
    JSON,
    SSE,
    ask,
    make_closing,
    make_head,
    make_record,
    say,
    start,
    stream,
    uuid7,
)

BATCH = 100
SMALL_BODY = 4096
# Of a batch: an agent's requests are tens of kilobytes.
_AGENTS = 10
_TURNS = 40
_NAMES = ("platform", "search", "billing", "mobile", "data")


class Load:
    """An endless row of batches of one spool; each worker has its own."""

    def __init__(self, number: int) -> None:
        self._draw = random.Random(f"bench {number}")
        self._spool = str(uuid7(datetime.now(UTC)))
        self._serial = 0
        self._turns = self._agent_turns()

    def batches(self) -> Iterator[Batch]:
        """Each of BATCH records."""
        while True:
            records = [self._small() for _ in range(BATCH - _AGENTS)] + [
                next(self._turns) for _ in range(_AGENTS)
            ]
            yield Batch(self._spool, self._serial, 0, records)

    def _small(self) -> Record:
        words = self._draw.randbytes(SMALL_BODY // 2 - 120).hex()
        return self._record(
            ask(words), say(words[:600], id=f"msg_{words[:24]}"), closing=make_closing(headers=JSON)
        )

    def _agent_turns(self) -> Iterator[Record]:
        while True:
            session = self._draw.randbytes(16).hex()
            for body in AgentSession(self._draw.randrange(10**9)).requests(_TURNS):
                delta = {"type": "text_delta", "text": self._draw.randbytes(100).hex()}
                response = stream(
                    start(input_tokens=10, output_tokens=1, cache_read_input_tokens=20_000),
                    {
                        "type": "content_block_start",
                        "index": 0,
                        "content_block": {"type": "text", "text": ""},
                    },
                    {"type": "content_block_delta", "index": 0, "delta": delta},
                    {"type": "content_block_stop", "index": 0},
                    {
                        "type": "message_delta",
                        "delta": {"stop_reason": "end_turn"},
                        "usage": {"output_tokens": 90},
                    },
                    {"type": "message_stop"},
                )
                headers = [("x-claude-code-session-id", session), ("content-type", "application/json")]
                yield self._record(body, response, closing=make_closing(headers=SSE), headers=headers)

    def _record(self, request: bytes, response: bytes, *, closing: Closing, **head: object) -> Record:
        self._serial += 1
        moment = datetime.now(UTC) - timedelta(seconds=self._draw.random())
        domain = f"{self._draw.choice(_NAMES)}.nexus.example"
        return make_record(
            request,
            response,
            serial=self._serial,
            head=make_head(moment, domain=domain, **head),
            closing=closing,
        )
