"""A request that is stopped while nothing of its response is there."""

from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from accounts.access.decision import AccessCredential, Snapshot
from accounts.access.stops import Stop
from proxy import record
from proxy.relay import views
from proxy.relay.capture.exchange import Exchange
from proxy.relay.http.protocol import TARGET
from proxy.relay.http.refusal import Refused
from proxy.relay.runtime import Runtime
from proxy.relay.stops.under_way import UnderWay
from tests.relay.stops.requests import request_of

STOP = Stop(1, "a.example", "s", "", "ann", 4e9)


class Body(httpx.AsyncByteStream):
    """The body of a response that nobody takes."""

    closed = False

    def close(self) -> None:
        self.closed = True


class SwallowingSender:
    """Its request is stopped while it waits, and whatever it waits for swallows the cancellation."""

    def __init__(self, body: Body) -> None:
        self.under_way: UnderWay | None = None
        self._body = body

    async def send(self, *_: Any) -> httpx.Response:
        assert self.under_way
        self.under_way.stop = STOP
        return httpx.Response(200, stream=self._body)


async def test_a_cancellation_that_was_swallowed_ends_in_the_refusal_all_the_same() -> None:
    body = Body()
    sender = SwallowingSender(body)

    def begin(exchange: Exchange, request: Any, domain: str) -> UnderWay:
        sender.under_way = UnderWay(exchange, request, domain)
        return sender.under_way

    snapshot = Snapshot(
        default=AccessCredential("environment", "CLAUDE_API_KEY", "api_key", "sk-ant-api03-x")
    )
    nexus = SimpleNamespace(
        watcher=SimpleNamespace(current=snapshot),
        limiter=SimpleNamespace(rules=lambda decision, request: ()),
        live=SimpleNamespace(begin=lambda exchange: None),
        stops=SimpleNamespace(begin=begin),
        sender=sender,
    )
    request = request_of("s")
    request.scope["headers"].append((b"host", b"a.example"))
    request.scope["extensions"][TARGET] = b"/v1/messages"
    request.scope["client"] = ("127.0.0.1", 1)
    exchange = Exchange(None, lambda _: None)

    with pytest.raises(Refused, match="ann stopped this session"):
        await views._forward(request, cast(Runtime, nexus), exchange, passed_on=False)

    assert body.closed
    assert (exchange.outcome, exchange.status) == (record.ABORTED, 403)


async def test_what_was_not_opened_yet_is_recorded_as_any_refusal() -> None:
    exchange = Exchange(None, lambda _: None)

    refusal = views._stopped(STOP, exchange)

    assert (refusal.kind.status, exchange.outcome) == (403, "")
