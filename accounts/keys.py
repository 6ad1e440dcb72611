"""Nexus's own client keys: `cnp_live_…` or `cnp_test_…` and 32 random bytes in base64url, stored as a SHA-256."""

import hashlib
import secrets

PREFIXES = ("cnp_live_", "cnp_test_")


def generate(*, test: bool = False) -> str:
    """A new key, to be shown once."""
    return PREFIXES[test] + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """What is stored: the key is long and random, so a plain hash keeps it safe and a look-up by hash takes constant time."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_client_key(value: str) -> bool:
    """Whether a value belongs to Nexus and must never leave it (any `cnp_…`, valid or not)."""
    return value.startswith("cnp_")
