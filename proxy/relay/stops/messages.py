"""What a client reads whose request was stopped: an error of the API, or an event of one in its stream."""

from datetime import UTC, datetime

from accounts.access.stops import Stop
from proxy.relay.http.refusal import Refused
from proxy.wire.errors import ErrorKind, error_body

# The type of error under which the record has it.
STOPPED = "stopped"
_KIND = ErrorKind.PERMISSION


def refused(stop: Stop) -> Refused:
    """For a request without a response so far: a 403, which no client tries again."""
    return Refused(_KIND, words(stop), stop.domain)


def event(stop: Stop, exchange_id: str) -> bytes:
    """The last event of a stream, as the API sends errors in one."""
    return b"event: error\ndata: %b\n\n" % error_body(_KIND, words(stop), exchange_id)


def words(stop: Stop) -> str:
    """What happened, and what to do."""
    if stop.exchange:
        return f"{stop.by} stopped this request in Nexus. Ask them before you send it again."
    until = datetime.fromtimestamp(stop.until, UTC)
    return (
        f"{stop.by} stopped this session in Nexus until {until:%Y-%m-%d %H:%M} UTC: its requests are refused until then. "
        "Ask them to lift it."
    )


def recorded(stop: Stop) -> str:
    """For the record: who it was."""
    return f"Stopped by {stop.by}."
