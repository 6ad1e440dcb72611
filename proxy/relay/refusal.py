"""A request that Nexus answers itself."""

from proxy.relay.headers import Headers
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
