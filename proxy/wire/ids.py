"""Ids that only the account knows that gave them: messages that a thread goes on from, containers, files, fallback credits.

Both ways are a byte search: nothing is parsed, and what is missed is an id that nobody knows.
"""

import re
from collections.abc import Iterator
from itertools import islice

from stringzilla import find

MESSAGE_SECONDS = 3600.0  # threads are kept for so long at most
CONTAINER_SECONDS = 30 * 86_400.0
CREDIT_SECONDS = 600.0  # the API takes them for five minutes
FOREVER = 0.0  # files stay until they are deleted

# A request that repeats a member more often is not searched to its end.
_MOST = 64
# Four searches with the processor's widest words take a fifteenth of what one expression for all of them does.
_MEMBERS = (b'"previous_message_id"', b'"container"', b'"file_id"', b'"fallback_credit_token"')
_VALUE = re.compile(rb'\s{0,8}:\s{0,8}(?:\{\s{0,8}"id"\s{0,8}:\s{0,8})?"([^"\\]{1,4096})"')
_MESSAGE = re.compile(rb'"id"\s{0,8}:\s{0,8}"(msg_[^"\\]{1,200})"')
_CONTAINER = re.compile(rb'"container"\s{0,8}:\s{0,8}\{[^{}]{0,200}?"id"\s{0,8}:\s{0,8}"([^"\\]{1,200})"')
_FILE = re.compile(rb'"(?:file_)?id"\s{0,8}:\s{0,8}"(file_[^"\\]{1,200})"')
_CREDIT = re.compile(rb'"fallback_credit_token"\s{0,8}:\s{0,8}"([^"\\]{1,4096})"')
_PATH = re.compile(r"/v1/files/([^/?]{1,205})")

Given = list[tuple[bytes, float]]


def named(body: bytes) -> list[bytes]:
    """The ids that a request's body names, in their order, each once."""
    values = (_VALUE.match(body, end) for end in islice(_member_ends(body), _MOST))
    return list(dict.fromkeys(value[1] for value in values if value))


def _member_ends(body: bytes) -> Iterator[int]:
    """Where the names of members end in a body, in their order; none begins within another."""
    places = {name: find(body, name) for name in _MEMBERS}
    while found := {name: place for name, place in places.items() if place >= 0}:
        first = min(found, key=found.__getitem__)
        end = found[first] + len(first)
        yield end
        places = {name: place if place >= end else find(body, name, end) for name, place in found.items()}


def file_of(target: str) -> bytes:
    """The id of the file that a request's target is about, b"" for any other target."""
    found = _PATH.match(target)
    return found[1].encode() if found else b""


def given(data: bytes) -> Given:
    """The ids in the ends of a response (`Sniffer.ends`), each with the seconds for which it is of use, or FOREVER."""
    message = _MESSAGE.search(data)
    found: dict[bytes, float] = {message[1]: MESSAGE_SECONDS} if message else {}
    for part, pattern, seconds in (
        (b'"container"', _CONTAINER, CONTAINER_SECONDS),
        (b'"file_', _FILE, FOREVER),
        (b'"fallback_credit_token"', _CREDIT, CREDIT_SECONDS),
    ):
        if find(data, part) >= 0:  # mostly none is there
            found |= {match[1]: seconds for match in islice(pattern.finditer(data), _MOST)}
    return list(found.items())
