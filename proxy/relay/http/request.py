"""A Django request that keeps what a proxy needs: raw header pairs, the raw target, the body's bytes, and who ended it.

A view is called as soon as the head is there: it reads the body itself, once it knows that the client may send one.
"""

from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.utils.functional import cached_property

from proxy.relay.http.headers import Headers
from proxy.relay.http.protocol import ARRIVING, KNOWN, TAKE_FRAGMENTS, TARGET
from proxy.relay.http.request_body import Receive, Source, drop_body, read_body


class RelayRequest(ASGIRequest):
    """`request.META` merges and renames headers: views of the relay read `pairs` (names in lower case, repeats kept).

    The body is `content`, or `upload` where it is passed on as it arrives.

    Django's own constructor makes META for each request; here it is made when somebody asks, such as `GET` or an error page.
    """

    scope: dict[str, Any]
    content_type = None
    content_params = None

    def __init__(self, scope: dict[str, Any], receive: Receive) -> None:
        self.scope = scope
        self.method = scope["method"]
        self.path = self.path_info = scope["path"]
        self.resolver_match = None
        self._read_started = self._post_parse_error = False
        self._stream = BytesIO()
        self._receive = receive
        self.content = b""
        self.upload: Source | None = None
        self.client_gone = False

    @property
    def is_arriving(self) -> bool:
        """Whether the body has not come to its end yet."""
        arriving: bool = self.scope["extensions"][ARRIVING]()
        return arriving

    def know_client(self) -> None:
        """Its client showed a key: the body counts no longer with those of strangers."""
        self.scope["extensions"][KNOWN]()

    @property
    def length(self) -> int | None:
        """What the client announced of its body, in bytes; None where it did not."""
        value = self.first(b"content-length")
        return int(value) if value else None

    def pass_on(self) -> None:
        """Its body, which is still arriving, is going to be taken by `receive`, as soon as anything of it has come."""
        self.scope["extensions"][TAKE_FRAGMENTS]()

    async def read_body(self) -> None:
        """Fill `content`; raises BodyTooLarge or ClientLeft."""
        self.content = await read_body(self._receive)

    async def receive(self) -> dict[str, Any]:
        """The next of the body as ASGI tells it, for whoever does not read it whole."""
        return await self._receive()

    async def drop_body(self) -> None:
        """Read the body away; raises ClientLeft."""
        await drop_body(self._receive)

    @cached_property
    def META(self) -> dict[str, Any]:  # type: ignore[override]  # noqa: N802
        """Headers and more under the names of WSGI."""
        return ASGIRequest(self.scope, self._stream).META

    @cached_property
    def target(self) -> str:
        """Path and query exactly as the client wrote them."""
        target: bytes = self.scope["extensions"][TARGET]
        return target.decode("ascii")

    @property
    def pairs(self) -> Headers:
        pairs: Headers = self.scope["headers"]
        return pairs

    def first(self, name: bytes) -> bytes:
        """The first value of a header, b"" without one."""
        for found, value in self.pairs:
            if found == name:
                return value
        return b""
