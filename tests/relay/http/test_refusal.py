"""What Nexus answers itself, and what it tells clients of a repeat."""

import pytest

from proxy.relay.http.refusal import retry_after, whole_seconds
from proxy.relay.http.responses import error_response
from proxy.wire.errors import ErrorKind


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_an_error_that_no_repeat_can_mend_says_so_once(kind: ErrorKind) -> None:
    response = error_response(kind, "no", "")

    reported = [value for name, value in response.pairs if name == b"x-should-retry"]
    assert reported == ([b"false"] if kind.is_final else [])


@pytest.mark.parametrize(
    ("seconds", "reported"), [(-3, 1), (0, 1), (0.2, 1), (1, 1), (1.001, 2), (59.5, 60), (86_400.0, 86_400)]
)
def test_a_wait_is_told_in_whole_seconds_rounded_up(seconds: float, reported: int) -> None:
    assert whole_seconds(seconds) == reported
    assert retry_after(seconds) == (b"retry-after", str(reported).encode())
