"""How large a request's body may be, in bytes, by its path.

https://platform.claude.com/docs/en/api/errors, "Request size limits"
"""

_MIB = 1024**2
MESSAGES_BYTES = 32 * _MIB
_BATCHES_BYTES = 256 * _MIB
_OTHER_BYTES = 500 * _MIB
_MESSAGES = frozenset({"/v1/messages", "/v1/messages/count_tokens"})
_BATCHES = "/v1/messages/batches"


def limit_of(target: str) -> int:
    """The most that the API takes; the target with or without a query."""
    path = target.partition("?")[0]
    if path in _MESSAGES:
        return MESSAGES_BYTES
    if path == _BATCHES or path.startswith(f"{_BATCHES}/"):
        return _BATCHES_BYTES
    return _OTHER_BYTES


def too_large(target: str) -> str:
    """What the client of a larger body reads, with what it can do."""
    limit = limit_of(target)
    advice = {
        MESSAGES_BYTES: "send less, or upload files by the Files API",
        _BATCHES_BYTES: "make several batches of it",
    }.get(limit, "send less")
    return f"The request is larger than the {limit // _MIB} MiB that the API takes on this path; {advice}."
