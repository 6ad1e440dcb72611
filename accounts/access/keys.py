"""Nexus's own client keys: `cnp_live_…` or `cnp_test_…` and 32 random bytes in base64url, stored as a SHA-256."""

import hashlib
import re
import secrets

PREFIXES = ("cnp_live_", "cnp_test_")

# At the start of a word: the random part of somebody else's key may well contain the four letters.
_CLIENT_KEY = re.compile(r"(?<![A-Za-z0-9_-])cnp_[^\s,;]*")


def generate(*, test: bool = False) -> str:
    """A new key, to be shown once."""
    return PREFIXES[test] + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """What is stored: the key is long and random, so a plain hash keeps it safe and a look-up by hash takes constant time."""
    return hashlib.sha256(key.encode()).hexdigest()


def find_client_key(value: str) -> str:
    """The Nexus key that a credential holds, valid or not, "" without one.

    Wherever it stands: behind an unknown scheme or beside another key it must not leave Nexus either.
    """
    found = _CLIENT_KEY.search(value)
    return found[0] if found else ""
