"""Read JSON of unknown quality: a value that is not what it should be is absent, and nothing raises."""

import json

import msgspec

# No real count comes near it, and every integer column can hold it.
MAX_COUNT = 2**31 - 1


def parse(data: bytes) -> object:
    """The JSON value in `data`, None where there is none.

    Lone surrogates (JavaScript clients cut emojis in halves) and bytes that are not UTF-8 become
    replacement characters.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_repaired(data)


def _parse_repaired(data: bytes) -> object:
    try:
        value = json.loads(data.decode("utf-8", "replace"))
        return msgspec.json.decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None


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
