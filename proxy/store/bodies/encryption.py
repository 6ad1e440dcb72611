"""Seal bytes for the database: AES-256-GCM under a key of their month, which a master key of the operator wraps.

Pure: where wrapped keys lie is known to `data_keys`. The design is docs/decisions/0015-bodies-encrypted-at-rest.md.
"""

import secrets
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from hashlib import _Hash

KEY_SIZE = 32
# Under which the key of what is compared over months is made and wrapped, as those of months are.
LINKING = date(1970, 1, 1)
# What begins with it is sealed: a zstd frame begins with 28, a record's msgpack with 96.
_MARK = b"\x01"
_NONCE = 12
_ID = 4
_HMAC_BLOCK = 64


class BrokenSeal(Exception):
    """These bytes are not what was sealed under this key and label: they are damaged, or lie in another's place."""


class KeyUnavailable(Exception):
    """What a month holds can be neither sealed nor opened; the message says which master key is missing, and what to do."""


class Seal(Protocol):
    """How bytes go into the database, and the name under which equal ones are found again."""

    def digest(self, data: bytes) -> bytes:
        """32 bytes that no other data has."""

    def body_digest(self, body: bytes) -> bytes:
        """The same for a whole body, in a form that tells how it was made (`is_keyed`)."""

    def close(self, data: bytes, label: bytes) -> bytes:
        """What is written; it opens under the same label only."""


class Unsealed:
    """Encryption is off: everybody may read, and digests are SHA-256."""

    def digest(self, data: bytes) -> bytes:
        return sha256(data).digest()

    def body_digest(self, body: bytes) -> bytes:
        return self.digest(body)

    def close(self, data: bytes, label: bytes) -> bytes:
        return data


class MonthSeal:
    """The seal of one month. Its digests are keyed, so that a known text cannot be looked for in the database."""

    def __init__(self, secret: bytes, month: date) -> None:
        self._month = _label(month)
        self._cipher = AESGCM(_derive(secret, b"nexus body encryption"))
        self._inner, self._outer = _hmac_states(_derive(secret, b"nexus body digest"))

    def digest(self, data: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.digest()

    def body_digest(self, body: bytes) -> bytes:
        return _MARK + self.digest(body)

    def close(self, data: bytes, label: bytes) -> bytes:
        return _MARK + _encrypt(self._cipher, data, self._month + label)

    def open(self, sealed: bytes, label: bytes) -> bytes:
        """What `close` was given; BrokenSeal on anything else."""
        return _decrypt(self._cipher, sealed[len(_MARK) :], self._month + label)


class MasterKeys:
    """The operator's keys: the first wraps, all unwrap. A wrapped key names its master key by an id that tells nothing of it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {key_id(key): AESGCM(_derive(key, b"nexus key wrapping")) for key in keys}

    @property
    def ids(self) -> list[str]:
        """The ids of all."""
        return list(self._ciphers)

    @property
    def first(self) -> str:
        """The id of the key that wraps; KeyUnavailable where there is none."""
        for cipher in self._ciphers:
            return cipher
        raise KeyUnavailable("BODY_ENCRYPTION_KEYS holds no key: put one into the list and restart")

    def wrap(self, secret: bytes, month: date) -> bytes:
        """A month's secret as the database keeps it."""
        return _MARK + bytes.fromhex(self.first) + _encrypt(self._ciphers[self.first], secret, _label(month))

    def unwrap(self, wrapped: bytes, month: date) -> bytes:
        """A month's secret; KeyUnavailable without its master key."""
        wanted = master_of(wrapped)
        if wanted not in self._ciphers:
            raise KeyUnavailable(
                f"{_called(month)} are encrypted under master key {wanted}, which is missing:"
                " put it back into BODY_ENCRYPTION_KEYS and restart"
            )
        try:
            return _decrypt(self._ciphers[wanted], wrapped[len(_MARK) + _ID :], _label(month))
        except BrokenSeal as error:
            table = "proxy_linkingkey" if month == LINKING else "proxy_monthkey"
            raise KeyUnavailable(
                f"the key by which {_called(month)} are encrypted is damaged: restore its row of {table} from a backup"
            ) from error


def new_secret() -> bytes:
    """A fresh secret for a month."""
    return secrets.token_bytes(KEY_SIZE)


def is_sealed(data: bytes) -> bool:
    """Whether bytes of the database came from `MonthSeal.close`."""
    return data.startswith(_MARK)


def is_keyed(body_digest: bytes) -> bool:
    """Whether only its month's seal can say which body this digest belongs to; else it is a SHA-256."""
    return len(body_digest) > sha256().digest_size


def key_id(key: bytes) -> str:
    """The name by which logs, pages and commands speak of a master key."""
    return _derive(key, b"nexus key id", _ID).hex()


def master_of(wrapped: bytes) -> str:
    """The id of the master key that wraps a month's secret."""
    return wrapped[len(_MARK) : len(_MARK) + _ID].hex()


def _called(month: date) -> str:
    return "the keys of conversations" if month == LINKING else f"the bodies of {month:%Y-%m}"


def _label(month: date) -> bytes:
    return f"{month:%Y-%m} ".encode()


def _derive(secret: bytes, purpose: bytes, size: int = KEY_SIZE) -> bytes:
    return HKDF(algorithm=SHA256(), length=size, salt=None, info=purpose).derive(secret)


def _hmac_states(key: bytes) -> "tuple[_Hash, _Hash]":
    """HMAC-SHA256 (RFC 2104) after its key: to begin anew with each of the many small pieces takes twice the time."""
    padded = key.ljust(_HMAC_BLOCK, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in padded)), sha256(bytes(byte ^ 0x5C for byte in padded))


def _encrypt(cipher: AESGCM, data: bytes, label: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, data, label)


def _decrypt(cipher: AESGCM, sealed: bytes, label: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], label)
    except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
        raise BrokenSeal("these bytes were not sealed under this key and label") from error
