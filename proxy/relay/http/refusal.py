"""A request that Nexus answers itself."""

import math

from proxy.relay.http.headers import Header, Headers
from proxy.wire.errors import ErrorKind


class Refused(Exception):
    """Raised on the way of a request; `headers` go with the answer, `passed_over` (credentials and why) into the record alone."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        domain: str = "",
        headers: Headers | None = None,
        passed_over: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.domain = domain
        self.headers = headers or []
        self.passed_over = passed_over


def whole_seconds(seconds: float) -> int:
    """A wait as clients read it: whole seconds, never too few, and no 0, which would mean at once."""
    return max(1, math.ceil(seconds))


def retry_after(seconds: float) -> Header:
    """The header that tells it."""
    return (b"retry-after", str(whole_seconds(seconds)).encode())
