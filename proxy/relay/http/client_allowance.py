"""What one connection takes of the limits of its process (client_limits.py), given back whatever happens to it."""

import asyncio

from proxy.relay.http.client_limits import ClientLimits, Connection, Phase, Reason
from proxy.relay.http.headers import Headers
from proxy.relay.http.request_body import MAX_BODY_BYTES
from proxy.relay.http.tenant import counted_address

# What a body must bring within CLIENT_BODY_SECONDS: a byte now and then would hold a connection for ever.
LEAST_BODY_BYTES = 16 * 1024


class Allowance:
    """Made with the connection and `close`d with it. Sizes are bytes of the body of the newest request."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: Connection, client: tuple[str, int] | None
    ) -> None:
        self.limits = ClientLimits.of(loop)
        self._loop = loop
        self._connection = connection
        self._client = client
        self._address = counted_address(client, [])
        self._forwarded_for = ""  # whom the running request is counted for, where the peer is a trusted proxy
        self._phase: Phase | None = None
        self._phase_began_at = 0
        self._known = False
        self._held = 0

    def open(self) -> Reason | None:
        """Why the connection is refused, if it is; else its client has its time for a first request."""
        reason = self.limits.connect(self._address)
        if reason is None:
            self.wait_for(Phase.REQUEST, 0)
        return reason

    def close(self) -> None:
        """The connection is gone."""
        self.let_go()
        self.end_request()
        self.limits.disconnect(self._connection, self._address)

    def begin_request(self, headers: Headers) -> Reason | None:
        """Count a request for the address that a trusted proxy names; why it is refused, if it is."""
        if self._address:
            return None
        self._forwarded_for = counted_address(self._client, headers)
        return self.limits.enter(self._forwarded_for)

    def end_request(self) -> None:
        """It has its response, or never will."""
        if self._forwarded_for:
            self.limits.leave(self._forwarded_for)
            self._forwarded_for = ""

    def wait_for(self, phase: Phase, size: int) -> None:
        """From now on the client has its time for that, unless it began before."""
        if phase is not self._phase:
            self._phase = phase
            self._phase_began_at = size
            self.limits.watch(self._loop, self._connection, phase)

    def overdue(self, size: int, *, read: bool) -> Reason | None:
        """Why the client is refused now that its time is up; None where it has sent enough, or could not as nobody `read`."""
        phase, self._phase = self._phase, None
        if phase is None:
            return None
        has_sent = phase is Phase.BODY and size - self._phase_began_at >= LEAST_BODY_BYTES
        if read and not has_sent:
            return phase.value
        self.wait_for(phase, size)
        return None

    def hold(self, size: int) -> Reason | None:
        """So much of an unfinished body is in memory; why it is refused, if it is."""
        held = 0 if self._known else min(size, MAX_BODY_BYTES)  # of a longer one nothing is kept
        if not self.limits.hold(held - self._held):
            return Reason.TOO_MANY_BYTES
        self._held = held
        return None

    def let_go(self) -> None:
        """What has come of the body counts no longer."""
        if self._held:
            self.limits.hold(-self._held)
            self._held = 0

    def know(self) -> None:
        """The client of the unfinished request showed a key."""
        self._known = True
        self.let_go()

    def whole(self) -> None:
        """The request has come to its end: nothing is awaited, and the next one is a stranger's again."""
        self._phase = None
        self._known = False
        self.let_go()
