"""The relay: one async view on /v1/…, any method. It forwards the bytes as they came and streams the answer back as it arrives."""

import asyncio
import logging
import time
from functools import partial
from typing import cast

import httpx
from django.http.response import HttpResponseBase
from msgspec.structs import replace

from accounts.access.decision import Claim, Decision, Denied, decide
from accounts.access.hosts import BadHost, Host
from accounts.access.inbound import read_credentials
from accounts.access.stops import Stop
from accounts.secrets.masking import mask_query
from proxy import record
from proxy.record import Head
from proxy.relay import runtime
from proxy.relay.capture import debug
from proxy.relay.capture.exchange import Exchange
from proxy.relay.handler import StreamedResponse
from proxy.relay.http import cors
from proxy.relay.http.headers import client_headers, masked
from proxy.relay.http.refusal import Refused
from proxy.relay.http.request import RelayRequest
from proxy.relay.http.request_body import BodyTooLarge
from proxy.relay.http.responses import NEXUS_ID, error_response, kind_of
from proxy.relay.http.tenant import client_address, host_of
from proxy.relay.response_stream import ResponseStream
from proxy.relay.runtime import Runtime
from proxy.relay.stops import messages
from proxy.relay.upload import Upload, is_passed_on
from proxy.relay.upstream.response_body import ResponseBody
from proxy.wire.body_limits import limit_of, too_large
from proxy.wire.errors import ErrorKind

log = logging.getLogger("nexus.relay")


async def relay(request: RelayRequest) -> HttpResponseBase:
    """Forward one request."""
    if preflight := cors.preflight(request):
        return preflight
    nexus = runtime.current()
    try:
        passed_on = await _read(request, nexus)
    except Refused as refusal:
        return await _refused(request, Exchange(nexus.spool, nexus.ended), refusal)
    exchange = Exchange(nexus.spool, nexus.ended)
    try:
        return await _forward(request, nexus, exchange, passed_on=passed_on)
    except Refused as refusal:
        return await _refused(request, exchange, refusal)
    except BaseException as error:
        stop = nexus.stops.stop_of(exchange)
        if stop and isinstance(error, asyncio.CancelledError) and not request.client_gone:
            return await _refused(request, exchange, _stopped(stop, exchange))
        # Cancelled (the client went, or the server stops) or a bug: the exchange still ends, exactly once.
        exchange.finish(record.CLIENT_LEFT if request.client_gone else record.ABORTED)
        raise
    finally:
        nexus.sender.release(request)


async def _read(request: RelayRequest, nexus: Runtime) -> bool:
    """Read the body, unless it is to be passed on: whether it is. Raises Refused.

    Who still sends it is checked first, so that nobody holds memory who may not pass.
    """
    domain = ""
    if request.is_arriving:
        decision = _allowed(nexus, _claim(_checked_host(request), request), frozenset())
        domain = decision.domain
        if is_passed_on(request):
            if (request.length or 0) > limit_of(request.target):
                raise Refused(ErrorKind.REQUEST_TOO_LARGE, too_large(request.target), domain)
            request.pass_on()
            return True
        if decision.client_key:
            request.know_client()
    try:
        await request.read_body()
    except BodyTooLarge as error:
        raise Refused(ErrorKind.REQUEST_TOO_LARGE, too_large(request.target), domain) from error
    return False


async def _forward(
    request: RelayRequest, nexus: Runtime, exchange: Exchange, *, passed_on: bool
) -> HttpResponseBase:
    host = _checked_host(request)
    decision = await _decide(nexus, host, request)
    under_way = nexus.stops.begin(exchange, request, decision.domain)
    if rules := nexus.limiter.rules(decision, request):
        full = await nexus.limiter.admit(rules, exchange, request)
        if full:
            raise Refused(full.kind, full.message, decision.domain, full.headers)
    head = _head(request, exchange, decision.domain, decision)
    await exchange.open(head, request.content)
    if passed_on:
        exchange.expect_request(request.length)
        reserve = partial(nexus.limiter.grow, exchange, request) if rules else None
        request.upload = Upload(request, exchange, reserve)
    nexus.live.begin(exchange)
    debug.request(exchange, head, request.content)
    try:
        response = await nexus.sender.send(request, exchange, decision)
    except httpx.TransportError as error:
        raise _unreachable(error, exchange) from error
    if under_way.stop:  # and whatever was awaited last has swallowed its cancellation
        cast(ResponseBody, response.stream).close()
        raise _stopped(under_way.stop, exchange)
    pairs = client_headers(response.headers.raw)
    exchange.answered(response.status_code, masked(pairs))
    debug.response(exchange)
    pairs += [(NEXUS_ID, exchange.id.encode()), *cors.headers(request)]
    return StreamedResponse(response.status_code, pairs, ResponseStream(exchange, response, pairs, under_way))


def _checked_host(request: RelayRequest) -> Host:
    try:
        return host_of(request.scope)
    except BadHost as error:
        raise Refused(ErrorKind.INVALID_REQUEST, f"The Host header names no domain: {error}.") from error


async def _decide(nexus: Runtime, host: Host, request: RelayRequest) -> Decision:
    """Who pays; refreshes a token first where that is due."""
    claim = _claim(host, request)
    tried: frozenset[str] = frozenset()
    while True:
        decision = _allowed(nexus, claim, tried)
        not_usable = decision.passed_over
        if decision.pool:
            decision = await nexus.sender.settle(request, decision, tried)
        if decision.refresh is None:
            break
        await nexus.refresher.refresh(decision.refresh)
        tried |= {decision.refresh.key}
    if not_usable:
        log.warning(
            "access.passed_over",
            extra={
                "domain": decision.domain,
                "not_usable": not_usable,
                "paid_by": decision.paid_by,
            },
        )
    return decision


def _claim(host: Host, request: RelayRequest) -> Claim:
    credentials = [pair for pair in request.pairs if pair[0] in {b"authorization", b"x-api-key"}]
    from_browser = any(name == b"origin" for name, _ in request.pairs)
    return Claim(host, read_credentials(credentials), from_browser, request.target, request.method or "")


def _allowed(nexus: Runtime, claim: Claim, tried: frozenset[str]) -> Decision:
    """The decision as the snapshot of this moment has it. Raises Refused."""
    snapshot = nexus.watcher.current
    if snapshot is None:
        raise Refused(
            ErrorKind.UNAVAILABLE,
            "Nexus has not read its credentials yet; try again in a few seconds.",
            claim.host.full,
        )
    try:
        return decide(snapshot, claim, time.time(), tried)
    except Denied as denial:
        raise Refused(kind_of(denial.kind), denial.message, denial.domain) from denial


def _head(request: RelayRequest, exchange: Exchange, domain: str, decision: Decision | None) -> Head:
    path, mark, query = request.target.partition("?")
    return Head(
        id=exchange.id,
        started_at=exchange.started_at,
        domain=domain,
        method=request.method or "",
        target=path + mark + (mask_query(query) if query and query != "beta=true" else query),
        headers=masked(request.pairs),
        paid_by=decision.paid_by if decision else "nobody",
        account=decision.credential.account if decision and decision.credential else "",
        client_key=decision.client_key if decision else "",
        passed_over=decision.passed_over if decision else (),
        client_address=client_address(request.scope),
        body_size=len(request.content),
        tenant=decision.tenant if decision else "",
    )


def _stopped(stop: Stop, exchange: Exchange) -> Refused:
    """Its request went upstream perhaps, and has no response: the record says who stopped it."""
    refusal = messages.refused(stop)
    if exchange.domain:
        exchange.status = refusal.kind.status
        exchange.finish(record.ABORTED, messages.STOPPED, messages.recorded(stop))
    return refusal


async def _refused(request: RelayRequest, exchange: Exchange, refusal: Refused) -> HttpResponseBase:
    """The answer to a request that may not pass."""
    if not exchange.outcome:
        await _record_refusal(request, exchange, refusal)
    headers = [*refusal.headers, *cors.headers(request)]
    return error_response(refusal.kind, refusal.message, exchange.id, headers)


async def _record_refusal(request: RelayRequest, exchange: Exchange, refusal: Refused) -> None:
    """A refusal is recorded without its body, which is no loss: nobody has vouched for whoever sent it."""
    exchange.status = refusal.kind.status
    head = _head(request, exchange, refusal.domain, None)
    await exchange.open(replace(head, passed_over=refusal.passed_over, body_size=0), b"")
    exchange.finish(record.REFUSED, refusal.kind.type, refusal.message)


def _unreachable(error: httpx.TransportError, exchange: Exchange) -> Refused:
    if isinstance(error, httpx.TimeoutException):
        refusal = Refused(ErrorKind.TIMEOUT, "The API did not answer Nexus in time; try again.")
    else:
        refusal = Refused(
            ErrorKind.UPSTREAM_FAILED,
            "Nexus could not reach the API; try again, and tell its operator if it persists.",
        )
    log.warning("upstream.failed", extra={"exchange": exchange.id, "why": f"{type(error).__name__}: {error}"})
    exchange.status = refusal.kind.status
    exchange.finish(record.UPSTREAM_ERROR, refusal.kind.type, f"{type(error).__name__}: {error}")
    return refusal
