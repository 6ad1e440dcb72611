"""Which headers go up and which come down (docs/wire-protocol.md#headers-of-a-request). Names arrive in lower case."""

from collections.abc import Iterable
from functools import lru_cache

from accounts.secrets.masking import mask_headers

Header = tuple[bytes, bytes]
Headers = list[Header]

# RFC 9110 §7.6.1, and what older clients still send of that kind. What `Connection` names goes with it, whatever it is: the RFC's
# "MUST" makes no exception, not even for end-to-end fields that no sender may name there. What Nexus adds itself is never removed.
HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
        b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip

# `expect` would hang on an upstream that sends no 100; the length is set anew; cookies are for this host alone.
NOT_FORWARDED = HOP_BY_HOP | {
    b"host", b"content-length", b"expect", b"cookie", b"authorization", b"x-api-key", b"accept-encoding",
}  # fmt: skip
FORWARDED = b"x-forwarded-"

IDENTITY: Header = (b"accept-encoding", b"identity")
BETA = b"anthropic-beta"
CACHED_BYTES = 512  # longer values are masked anew each time: the cache stays within some megabytes


def upstream_headers(incoming: Headers, credential: tuple[Header, ...], oauth_beta: bytes) -> Headers:
    """What goes to the API: everything but the named few, then the credential; `oauth_beta` is added if it is not there."""
    named = _named_by_connection(incoming)
    unwanted = NOT_FORWARDED | named if named else NOT_FORWARDED
    kept = [pair for pair in incoming if pair[0] not in unwanted and not pair[0].startswith(FORWARDED)]
    if oauth_beta and not any(name == BETA and oauth_beta in _values(value) for name, value in kept):
        kept = _with_beta(kept, oauth_beta)
    return [*kept, IDENTITY, *credential]


def _values(value: bytes) -> list[bytes]:
    return [part.strip() for part in value.split(b",")]


def _with_beta(headers: Headers, beta: bytes) -> Headers:
    """Append a value to the last `anthropic-beta`: clients may repeat the header or join its values by commas."""
    for index in range(len(headers) - 1, -1, -1):
        name, value = headers[index]
        if name == BETA:
            joined = value + b"," + beta if value.strip() else beta
            return [*headers[:index], (name, joined), *headers[index + 1 :]]
    return [*headers, (BETA, beta)]


def client_headers(incoming: Iterable[Header]) -> Headers:
    """What goes back to the client: upstream's headers without the hop-by-hop ones, in lower case, repeats kept."""
    lowered = [(name.lower(), value) for name, value in incoming]
    named = _named_by_connection(lowered)
    return [pair for pair in lowered if pair[0] not in HOP_BY_HOP and pair[0] not in named]


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    """The headers that `Connection` declares to be for one hop only."""
    found = [value for name, value in headers if name == b"connection"]
    return _names(b",".join(found)) if found else frozenset()


@lru_cache(maxsize=64)
def _names(value: bytes) -> frozenset[bytes]:
    return frozenset(_values(value.lower()))


def masked(headers: Iterable[Header]) -> list[tuple[str, str]]:
    """Headers as they may be written anywhere: no credential in clear."""
    return [
        _masked(name, value) if len(value) <= CACHED_BYTES else _masked.__wrapped__(name, value)
        for name, value in headers
    ]


@lru_cache(maxsize=4096)  # most headers of a client are the same with every request
def _masked(name: bytes, value: bytes) -> tuple[str, str]:
    return mask_headers([(name.decode("latin-1"), text_of(value))])[0]


def text_of(value: bytes) -> str:
    """A header's value as text: UTF-8, else Latin-1, which is what HTTP once meant and loses no byte."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
