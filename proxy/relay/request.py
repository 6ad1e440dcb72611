"""A Django request that keeps what a proxy needs: raw header pairs, the raw target, the body's bytes, and who ended it."""

from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.utils.functional import cached_property

from proxy.relay.headers import Headers
from proxy.relay.protocol import TARGET


class RelayRequest(ASGIRequest):
    """`request.META` merges and renames headers: views of the relay read `pairs` (names in lower case, repeats kept).

    Django's own constructor makes META for each request; here it is made when somebody asks, such as `GET` or an error page.
    """

    scope: dict[str, Any]
    content_type = None
    content_params = None

    def __init__(self, scope: dict[str, Any], body: bytes) -> None:
        self.scope = scope
        self.method = scope["method"]
        self.path = self.path_info = scope["path"]
        self.resolver_match = None
        self._read_started = self._post_parse_error = False
        self._stream = BytesIO(body)
        self.content = body
        self.client_gone = False

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
        return next((value for found, value in self.pairs if found == name), b"")
