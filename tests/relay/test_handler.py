"""The handler between an ASGI server and a view."""

import asyncio
import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from pytest_django.fixtures import Settings

from nexus_project.urls import proxy as proxy_urls
from proxy.relay.endpoints import broken, nothing_here
from proxy.relay.handler import RelayHandler
from proxy.relay.http.protocol import ARRIVING, CUT, ON_LEAVE, RESPOND_EARLY, TARGET
from proxy.relay.http.request import RelayRequest
from proxy.relay.http.responses import json_response

handler404 = nothing_here
handler500 = broken
waiting = asyncio.Event()
left = asyncio.Event()


async def bug(request: HttpRequest) -> HttpResponseBase:
    raise KeyError("sk-ant-secret")


async def wait(request: HttpRequest) -> HttpResponseBase:
    waiting.set()
    try:
        return await asyncio.Future()
    finally:
        left.set()


async def read(request: HttpRequest) -> HttpResponseBase:
    assert isinstance(request, RelayRequest)
    await request.read_body()
    return json_response(len(request.content))


urlpatterns = [path("bug", bug), path("wait", wait), path("read", read)]


@pytest.fixture
def handler(settings: Settings) -> RelayHandler:
    """The proxy's handler, with the views of this file."""
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    settings.ALLOWED_HOSTS = ["*"]
    return RelayHandler()


async def serve(
    handler: RelayHandler,
    target: str,
    *messages: dict[str, Any],
    on_leave: Callable[[Callable[[], None]], None] = lambda listener: None,
    early: Callable[[HttpResponseBase], None] | None = None,
) -> list[dict[str, Any]]:
    """What the handler sends to a client that sends these messages and then nothing."""
    arriving = iter(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        message = next(arriving, None)
        return message if message else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": target,
        "query_string": b"",
        "headers": [(b"host", b"a.example")],
        "extensions": {
            TARGET: target.encode(),
            CUT: lambda: None,
            ON_LEAVE: on_leave,
            ARRIVING: lambda: bool(early),
            RESPOND_EARLY: early,
        },
    }
    async with asyncio.timeout(5):
        await handler(scope, receive, send)
    return sent


LEFT = {"type": "http.disconnect"}
BODY = {"type": "http.request", "body": b"", "more_body": False}


def test_every_view_of_the_proxy_is_a_coroutine() -> None:
    """The handler awaits them as they are."""
    assert all(inspect.iscoroutinefunction(urlpattern.callback) for urlpattern in proxy_urls.urlpatterns)


async def test_a_bug_is_answered_without_its_details(
    handler: RelayHandler, caplog: pytest.LogCaptureFixture
) -> None:
    start, body = await serve(handler, "/bug", BODY)

    error = json.loads(body["body"])["error"]
    assert (start["status"], error["type"]) == (500, "api_error")
    assert "Nexus failed on this request" in error["message"]
    assert b"sk-ant-secret" not in body["body"]
    [reported] = [record for record in caplog.records if record.message == "relay.failed"]
    assert reported.exc_info
    assert reported.exc_info[0] is KeyError


@pytest.mark.parametrize("debug", [False, True])
async def test_a_path_that_leads_nowhere_is_answered_as_the_api_does(
    handler: RelayHandler, settings: Settings, debug: bool
) -> None:
    settings.DEBUG = debug
    for _ in range(2):
        start, body = await serve(handler, "/nowhere", BODY)

        error = json.loads(body["body"])["error"]
        assert (start["status"], error["type"]) == (404, "not_found_error")
        assert "Nexus has nothing at /nowhere" in error["message"]


async def test_a_client_is_gone_when_its_server_says_so_and_not_before(handler: RelayHandler) -> None:
    waiting.clear()
    left.clear()
    listeners: list[Callable[[], None]] = []
    served = asyncio.get_running_loop().create_task(serve(handler, "/wait", BODY, on_leave=listeners.append))
    await asyncio.wait_for(waiting.wait(), 5)
    assert not left.is_set()

    listeners[0]()

    assert await served == []
    assert left.is_set()


async def test_a_client_that_left_during_its_upload_has_no_answer(
    handler: RelayHandler, caplog: pytest.LogCaptureFixture
) -> None:
    assert await serve(handler, "/read", {**BODY, "more_body": True}, LEFT) == []
    assert not [record for record in caplog.records if record.message == "relay.failed"]


async def test_an_answer_to_a_body_that_is_still_arriving_goes_past_the_server(handler: RelayHandler) -> None:
    responses: list[HttpResponseBase] = []

    assert await serve(handler, "/nowhere", early=responses.append) == []
    assert [response.status_code for response in responses] == [404]
