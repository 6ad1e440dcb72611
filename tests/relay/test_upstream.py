"""The way upstream, where the network is at fault."""

import contextlib
import socket

import httpx
import pytest

from proxy.relay.upstream import UpstreamTransport, build_request


async def test_an_upstream_that_takes_no_connection_is_given_up_in_time() -> None:
    with contextlib.ExitStack() as sockets:
        server = sockets.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):  # nobody accepts: after these the kernel answers no more
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        transport = UpstreamTransport(connect_seconds=0.3, idle_seconds=5)
        address = "http://{}:{}".format(*server.getsockname())

        with pytest.raises(httpx.ConnectTimeout):
            await transport.handle_async_request(build_request(address, "GET", "/v1/models", [], b""))

        await transport.aclose()
