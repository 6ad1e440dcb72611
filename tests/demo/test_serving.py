import socket

import httpx
import pytest

from nexus_project.demo.serving import Message, Receive, Scope, Send, serve


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    await send(start)
    await send({"type": "http.response.body", "body": b"hello"})


async def failing_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no"})


def test_any_asgi_app_is_served_without_added_headers() -> None:
    with serve(hello) as running:
        response = httpx.get(running.url, trust_env=False)

    assert response.text == "hello"
    assert set(response.headers) == {"transfer-encoding"}


def test_the_port_is_free_again_at_the_end() -> None:
    with serve(hello) as running:
        port = int(running.url.rsplit(":", 1)[1])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_an_app_that_does_not_start_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="did not start"), serve(failing_lifespan, lifespan="on"):
        pass
