"""A text column that is encrypted at rest with MultiFernet (cryptography's authenticated AES-128-CBC)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class UnreadableSecret(Exception):
    """No key of FIELD_ENCRYPTION_KEYS decrypts this value; put the key that wrote it back into the list."""


class Unreadable(str):
    """What stands, empty, in the place of a value that no key decrypts, where that is `tolerant`."""

    __slots__ = ()


_is_tolerant = ContextVar("is_tolerant", default=False)


@contextmanager
def tolerant() -> Iterator[None]:
    """Within it an unreadable column reads as Unreadable, so that a person can replace it; elsewhere it raises UnreadableSecret."""
    token = _is_tolerant.set(True)
    try:
        yield
    finally:
        _is_tolerant.reset(token)


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(plain: str) -> str:
    """Encrypt with the first of FIELD_ENCRYPTION_KEYS."""
    return encrypt_bytes(plain.encode()).decode()


def decrypt(token: str) -> str:
    """Decrypt with any of FIELD_ENCRYPTION_KEYS; raises UnreadableSecret."""
    return decrypt_bytes(token.encode()).decode()


def encrypt_bytes(plain: bytes) -> bytes:
    """The same for bytes."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(plain)


def decrypt_bytes(token: bytes) -> bytes:
    """The same for bytes."""
    try:
        return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(token)
    except InvalidToken as error:
        raise UnreadableSecret("no key of FIELD_ENCRYPTION_KEYS decrypts this value") from error


if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:
    _Text = models.TextField


class EncryptedTextField(_Text):
    """Plain text in Python, a Fernet token in the database; empty stays empty."""

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(str(value)) if value else ""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str:
        try:
            return decrypt(value) if value else ""
        except UnreadableSecret:
            if not _is_tolerant.get():
                raise
            return Unreadable()
