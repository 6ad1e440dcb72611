"""What Nexus itself answers, in the API's shape: every error says what to do and carries the exchange's id."""

import msgspec
from django.http.response import HttpResponseBase

from proxy.relay.http.headers import Headers
from proxy.wire.errors import ErrorKind, error_body

NEXUS_ID = b"x-nexus-id"


class PairsResponse(HttpResponseBase):
    """A response with its headers as pairs, so that repeats and names survive as they are.

    It has what Django's handler looks at. The base's own constructor would make headers and cookies that nobody sends.
    """

    def __init__(self, status: int, pairs: Headers) -> None:
        self.status_code = status
        self.pairs = pairs
        self.closed = False
        self._reason_phrase = None
        self._resource_closers: list[object] = []
        self._has_been_logged = True  # or Django would warn of every answer over 399


class RawResponse(PairsResponse):
    """A whole answer."""

    streaming = False

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        length = (b"content-length", str(len(body)).encode())
        super().__init__(status, headers if status == 204 else [*headers, length])
        self.content = body


def json_response(data: object, status: int = 200, headers: Headers | None = None) -> RawResponse:
    """A JSON document."""
    return RawResponse(
        status, [(b"content-type", b"application/json"), *(headers or [])], msgspec.json.encode(data)
    )


def error_response(
    kind: ErrorKind, message: str, exchange_id: str, headers: Headers | None = None
) -> RawResponse:
    """An error of Nexus: clients read it as one of the API's own."""
    named = [(b"request-id", exchange_id.encode()), (NEXUS_ID, exchange_id.encode())] if exchange_id else []
    extra = [*(headers or []), *named]
    body = error_body(kind, message, exchange_id)
    return RawResponse(kind.status, [*error_headers(kind), *extra], body)


def error_headers(kind: ErrorKind) -> Headers:
    """What each error of a kind carries. Without a word on it clients repeat a final one, for minutes and in silence."""
    retry = [(b"x-should-retry", b"false")] if kind.is_final else []
    return [(b"content-type", b"application/json"), *retry]


def kind_of(error_type: str) -> ErrorKind:
    """The kind for an error type that `accounts` names."""
    return next(kind for kind in ErrorKind if kind.type == error_type)
