"""A Django request that keeps what a proxy needs: raw header pairs, the raw target, the body's bytes, and who ended it."""

from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest

from proxy.relay.headers import Headers
from proxy.relay.protocol import TARGET


class RelayRequest(ASGIRequest):
    """`request.META` merges and renames headers: views of the relay read `pairs` (names in lower case, repeats kept)."""

    scope: dict[str, Any]

    def __init__(self, scope: dict[str, Any], body: bytes) -> None:
        super().__init__(scope, BytesIO(body))
        self.content = body
        self.client_gone = False

    @property
    def pairs(self) -> Headers:
        pairs: Headers = self.scope["headers"]
        return pairs

    @property
    def target(self) -> str:
        """Path and query exactly as the client wrote them."""
        target: bytes = self.scope["extensions"][TARGET]
        return target.decode("ascii")

    def first(self, name: bytes) -> bytes:
        """The first value of a header, b"" without one."""
        return next((value for found, value in self.pairs if found == name), b"")
