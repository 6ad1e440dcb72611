"""Read JSON of unknown quality: a value that is not what it should be is absent, and nothing raises."""

import json

import msgspec

# No real count comes near it; a bigint holds the sum of a thousand of them, and JSON's numbers are whole up to it.
MAX_COUNT = 2**53 - 1
_LARGE = 1024**2
_MOST_VALUES = 1_000_000
# Python's own parser, which is asked where msgspec's refuses, takes five times as long.
_MOST_REPAIRED = 200_000


def parse(data: bytes) -> object:
    """The JSON value in `data`, None where there is none or where it is crowded.

    Lone surrogates (JavaScript clients cut emojis in halves) and bytes that are not UTF-8 become
    replacement characters.
    """
    if is_crowded(data):
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_repaired(data)


def is_crowded(data: bytes) -> bool:
    """Whether JSON is large and almost nothing but tiny values: in memory it would take thirty times its size."""
    return len(data) >= _LARGE and _values(data) > min(len(data) // 8, _MOST_VALUES)


def _values(data: bytes) -> int:
    """How many values JSON has, at most."""
    return sum(map(data.count, (b",", b"[", b"{")))


def _parse_repaired(data: bytes) -> object:
    if len(data) >= _LARGE and _values(data) > _MOST_REPAIRED:
        return None
    try:
        value = json.loads(data.decode("utf-8", "replace"))
        return msgspec.json.decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None


def is_longer(value: object, most_bytes: int) -> bool:
    """Whether a value takes more than so many bytes as JSON."""
    try:
        return len(msgspec.json.encode(value)) > most_bytes
    except (ValueError, OverflowError, TypeError, RecursionError):
        return True


def as_dict(value: object) -> dict[str, object]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """`value` if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """`value` if it is a string, without NUL characters, which PostgreSQL's text cannot hold."""
    return value.replace("\x00", "") if isinstance(value, str) else None


def as_count(value: object) -> int | None:
    """`value` if it is a believable count: an integer from 0 to `MAX_COUNT`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    return None
