"""What came of one attempt to ask the API: an answer whose body is still to come, or why there is none."""

import asyncio
import time
from typing import cast

import httpx

from proxy.relay.upstream.response_body import ResponseBody
from proxy.wire.rate_limits import allowed_again

REFUSED = "401"
LIMITED = "429"
OVERLOADED = "529"
UNREACHABLE = "unreachable"
REFUSALS = {401: REFUSED, 429: LIMITED, 529: OVERLOADED}
DISCARD_SECONDS = 0.5

Outcome = httpx.Response | httpx.TransportError


def response_of(outcome: Outcome) -> httpx.Response:
    """The answer; raises the httpx.TransportError where there is none."""
    if isinstance(outcome, httpx.TransportError):
        raise outcome
    return outcome


def refusal_of(outcome: Outcome) -> str:
    """Why another attempt may fare better, "" where it would not.

    After a silence or an answer that is no HTTP the API may be at work on the request already.
    """
    if isinstance(outcome, httpx.Response):
        return REFUSALS.get(outcome.status_code, "")
    unfit = isinstance(outcome, httpx.ReadTimeout | httpx.RemoteProtocolError)
    return "" if unfit else UNREACHABLE


def asked_again(outcome: Outcome, why: str) -> float | None:
    """When the API wants to be asked again."""
    if isinstance(outcome, httpx.TransportError):
        return None
    return allowed_again(outcome.headers.raw, time.time(), limited=why == LIMITED)


async def discard(outcome: Outcome) -> None:
    """Read an error to its end, so that its connection is given back; one that has none soon is cut."""
    if isinstance(outcome, httpx.TransportError):
        return
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            async for _ in outcome.stream:  # type: ignore[union-attr]  # it is a ResponseBody
                pass
    except (TimeoutError, httpx.ReadError):
        pass
    finally:
        close(outcome)


def close(outcome: Outcome) -> None:
    if isinstance(outcome, httpx.Response):
        cast(ResponseBody, outcome.stream).close()
