"""Identifiers in the API's form: a prefix, the digits 01 and 22 characters of base 58."""

import random

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def new_id(prefix: str, *, separator: str = "_01", length: int = 22) -> str:
    """Return a fresh identifier such as `msg_01…`."""
    return prefix + separator + "".join(random.choices(BASE58, k=length))


def new_seal(start: str, length: int) -> str:
    """Return text that only the API can read: a signature, or encrypted content."""
    return new_id(start, separator="", length=length)


def new_token(kind: str) -> str:
    """Return a fresh OAuth token; kind is `oat` (access) or `ort` (refresh)."""
    return new_id(f"sk-ant-{kind}", separator="01-", length=80)
