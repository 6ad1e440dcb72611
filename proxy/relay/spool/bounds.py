"""How much of a response is recorded, and what travels in parts."""

from django.conf import settings

from proxy.record import Head, HeaderPairs
from proxy.wire.batches import batch_of_results

# A record in one message goes through memory as a whole, and through one value of Redis (512 MiB).
MAX_RECORD_BYTES = 96 * 1024**2
# Results beyond it travel in parts of so much; a request beyond it is looked at only if it is to be kept.
WHOLE_BYTES = 8 * 1024**2
PART_BYTES = 2 * 1024**2

_PLAIN = ("", "identity")


def response_bound(head: Head, status: int, headers: HeaderPairs, request_bytes: int) -> int:
    """How many bytes a response may have to be recorded with its body; of a longer one size and digest are.

    `request_bytes` is what the request may take of the same record.
    """
    if is_results(head, status, headers):
        bound: int = settings.BATCH_RESULTS_MAX_BYTES
        return bound
    return MAX_RECORD_BYTES - request_bytes


def length_of(headers: HeaderPairs) -> int:
    """What a response announces of its body, in bytes; -1 where it does not. Names are in lower case."""
    for name, value in headers:
        if name == "content-length":
            return int(value) if value.isdecimal() and value.isascii() else -1
    return -1


def is_results(head: Head, status: int, headers: HeaderPairs) -> bool:
    """Whether it is a file of a message batch's results that can be read part by part: not if it is compressed."""
    if head.method != "GET" or status not in (200, 206):
        return False
    codings = [value.strip().lower() for name, value in headers if name.lower() == "content-encoding"]
    asked = batch_of_results(head.method, head.target.partition("?")[0])
    return asked is not None and all(coding in _PLAIN for coding in codings)
