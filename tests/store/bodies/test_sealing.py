"""What is sealed opens under its own key, month and label, and in no other way."""

import hmac
from datetime import date
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.bodies.encryption import (
    BrokenSeal,
    KeyUnavailable,
    MasterKeys,
    MonthSeal,
    Unsealed,
    is_sealed,
    key_id,
    master_of,
    new_secret,
)

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
SECRET = bytes(range(32))
OLD, NEW = b"o" * 32, b"n" * 32
SEAL = MonthSeal(SECRET, MARCH)


@given(data=st.binary(), label=st.binary())
def test_what_is_closed_opens_again(data: bytes, label: bytes) -> None:
    closed = SEAL.close(data, label)

    assert SEAL.open(closed, label) == data
    assert is_sealed(closed)
    assert len(closed) == len(data) + 29


@given(data=st.binary(max_size=200), where=st.integers(min_value=8))
def test_no_bit_can_be_turned(data: bytes, where: int) -> None:
    closed = bytearray(SEAL.close(data, b"label"))
    # The first byte only says that the rest is sealed.
    bit = 8 + where % (8 * (len(closed) - 1))
    closed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(BrokenSeal):
        SEAL.open(bytes(closed), b"label")


@given(size=st.integers(0, 28))
def test_a_seal_that_was_cut_does_not_open(size: int) -> None:
    with pytest.raises(BrokenSeal):
        SEAL.open(SEAL.close(b"", b"label")[:size], b"label")


def test_a_seal_opens_under_no_other_label_month_or_secret() -> None:
    closed = SEAL.close(b"data", b"label")

    for other, label in [
        (SEAL, b"another"),
        (MonthSeal(SECRET, APRIL), b"label"),
        (MonthSeal(new_secret(), MARCH), b"label"),
    ]:
        with pytest.raises(BrokenSeal):
            other.open(closed, label)


def test_the_same_data_never_looks_the_same() -> None:
    assert SEAL.close(b"data", b"label") != SEAL.close(b"data", b"label")


@given(data=st.binary())
def test_a_digest_is_an_hmac_under_a_key_of_its_own(data: bytes) -> None:
    assert SEAL.digest(data) == MonthSeal(SECRET, APRIL).digest(data)
    assert SEAL.digest(data) == hmac.digest(_digest_key(), data, "sha256")
    assert SEAL.digest(data) not in {sha256(data).digest(), MonthSeal(new_secret(), MARCH).digest(data)}


def _digest_key() -> bytes:
    """HKDF (RFC 5869) by hand: no salt, one block."""
    extracted = hmac.digest(bytes(32), SECRET, "sha256")
    return hmac.digest(extracted, b"nexus body digest\x01", "sha256")


def test_without_encryption_everything_is_as_it_is() -> None:
    assert Unsealed().close(b"data", b"label") == b"data"
    assert Unsealed().digest(b"data") == sha256(b"data").digest()


def test_the_first_master_key_wraps_and_all_unwrap() -> None:
    by_old, by_new = (MasterKeys([key]).wrap(SECRET, MARCH) for key in (OLD, NEW))
    both = MasterKeys([NEW, OLD])

    assert both.unwrap(by_old, MARCH) == both.unwrap(by_new, MARCH) == SECRET
    assert master_of(both.wrap(SECRET, MARCH)) == both.first == key_id(NEW)
    assert SECRET not in by_old


def test_a_missing_master_key_is_named() -> None:
    wrapped = MasterKeys([OLD]).wrap(SECRET, MARCH)

    for keys in ([], [NEW]):
        with pytest.raises(
            KeyUnavailable,
            match=f"2026-03 .* master key {key_id(OLD)}, .* put it back into BODY_ENCRYPTION_KEYS",
        ):
            MasterKeys(keys).unwrap(wrapped, MARCH)


def test_a_wrapped_key_belongs_to_its_month_and_cannot_be_changed() -> None:
    masters = MasterKeys([OLD])
    wrapped = masters.wrap(SECRET, MARCH)

    for damaged, month in [
        (wrapped, APRIL),
        (wrapped[:-1], MARCH),
        (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), MARCH),
    ]:
        with pytest.raises(KeyUnavailable, match="is damaged: restore its row of proxy_monthkey"):
            masters.unwrap(damaged, month)


def test_nothing_is_wrapped_without_a_master_key() -> None:
    with pytest.raises(KeyUnavailable, match="holds no key"):
        MasterKeys([]).wrap(SECRET, MARCH)


def test_the_id_of_a_key_tells_nothing_of_it() -> None:
    assert len(key_id(OLD)) == 8
    assert bytes.fromhex(key_id(OLD)) not in {OLD[:4], sha256(OLD).digest()[:4]}
