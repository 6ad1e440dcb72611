"""The key of each month: made by whoever needs it first, kept wrapped in the database, unwrapped in memory.

The table is asked each time, and only the unwrapping is remembered: a key that a restored database no longer has is never used.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from django.conf import settings

from proxy.store.bodies import encryption
from proxy.store.bodies.encryption import LINKING, KeyUnavailable, MasterKeys, MonthSeal, Seal, Unsealed
from proxy.store.models import LinkingKey, MonthKey, WrappedKey

UNSEALED = Unsealed()


def seal_of(month: date) -> Seal:
    """The seal for new bytes of a month; KeyUnavailable where it is wanted and cannot be had."""
    if not settings.BODY_ENCRYPTION:
        return UNSEALED
    return stored_seal(month) or _made(MonthKey, month)


def linking_secret() -> bytes:
    """The secret of keys that are compared over months, b"" with encryption off."""
    if not settings.BODY_ENCRYPTION:
        return b""
    seal = _stored(LinkingKey, LINKING) or _made(LinkingKey, LINKING)
    return seal.digest(b"nexus conversation keys")


def make(months: Iterable[date]) -> None:
    """Make the keys that months lack, each in a transaction of its own: whoever makes the same one waits for its end."""
    for month in sorted(months):
        seal_of(month)
    linking_secret()


def stored_seal(month: date) -> MonthSeal | None:
    """The seal of a month that has a key, with encryption off too; KeyUnavailable where its master key is missing."""
    return _stored(MonthKey, month)


def needed_seal(month: date) -> MonthSeal:
    """The seal of a month that holds something sealed."""
    seal = stored_seal(month)
    if seal is None:
        raise KeyUnavailable(
            f"the key of {month:%Y-%m} is gone: restore its row of proxy_monthkey from a backup"
        )
    return seal


def masters() -> MasterKeys:
    """The master keys of BODY_ENCRYPTION_KEYS."""
    return _masters(_given_keys())


def _stored(table: type[WrappedKey], month: date) -> MonthSeal | None:
    wrapped = table._default_manager.filter(pk=month).values_list("wrapped", flat=True).first()
    return None if wrapped is None else _unwrapped(_given_keys(), bytes(wrapped), month)


def _made(table: type[WrappedKey], month: date) -> MonthSeal:
    row = table(month=month, wrapped=masters().wrap(encryption.new_secret(), month))
    keys = table._default_manager
    keys.bulk_create([row], ignore_conflicts=True)
    # Not the row above: another process may have been first.
    wrapped = keys.values_list("wrapped", flat=True).get(pk=month)
    return _unwrapped(_given_keys(), bytes(wrapped), month)


def _given_keys() -> tuple[bytes, ...]:
    return tuple(settings.BODY_ENCRYPTION_KEYS)


@lru_cache(maxsize=4)
def _masters(keys: tuple[bytes, ...]) -> MasterKeys:
    return MasterKeys(keys)


@lru_cache(maxsize=64)
def _unwrapped(keys: tuple[bytes, ...], wrapped: bytes, month: date) -> MonthSeal:
    return MonthSeal(_masters(keys).unwrap(wrapped, month), month)
