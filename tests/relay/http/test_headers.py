"""Headers on their way up and down: unchanged, but for the few that the protocol names."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.relay.http import headers as module
from proxy.relay.http.headers import (
    HOP_BY_HOP,
    IDENTITY,
    NOT_FORWARDED,
    Headers,
    client_headers,
    masked,
    upstream_headers,
)

KEY = ((b"x-api-key", b"sk-ant-of-the-domain"),)
BETA = b"oauth-2025-04-20"

tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=20)
known = st.sampled_from(
    [
        "anthropic-version",
        "anthropic-beta",
        "x-app",
        "user-agent",
        "x-stainless-os",
        "content-type",
        "forwarded",
    ]
)
names = (known | tokens).map(str.encode)
values = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=40).map(str.encode)
header_sets = st.lists(st.tuples(names, values), max_size=12)


def is_named(name: bytes) -> bool:
    return name in NOT_FORWARDED or name.startswith(b"x-forwarded-")


@given(headers=header_sets)
def test_all_but_the_named_few_go_up_unchanged_with_repeats_and_order(headers: Headers) -> None:
    expected = [pair for pair in headers if not is_named(pair[0])]

    assert upstream_headers(headers, KEY, b"") == [*expected, IDENTITY, *KEY]


@given(headers=header_sets)
def test_all_but_the_hop_by_hop_ones_come_down_unchanged_with_repeats_and_order(headers: Headers) -> None:
    shouted = [(name.upper(), value) for name, value in headers]

    assert client_headers(shouted) == [pair for pair in headers if pair[0] not in HOP_BY_HOP]


@given(headers=header_sets, position=st.integers(0, 12))
@pytest.mark.parametrize(
    "name",
    [
        b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-authorization",
        b"proxy-connection", b"host", b"content-length", b"expect", b"cookie", b"authorization", b"x-api-key",
        b"accept-encoding", b"x-forwarded-for", b"x-forwarded-anything",
    ],
)  # fmt: skip
def test_each_of_the_named_few_stays_here(name: bytes, headers: Headers, position: int) -> None:
    with_it = [*headers[:position], (name, b"its-value"), *headers[position:]]

    assert upstream_headers(with_it, (), b"") == upstream_headers(headers, (), b"")


@given(headers=header_sets, named=st.lists(names, min_size=1, max_size=3))
def test_what_connection_names_is_for_one_hop_only(headers: Headers, named: list[bytes]) -> None:
    assume(b"connection" not in named)
    value = b" ,\t".join(name.title() for name in named)
    declared = [*headers, (b"connection", b"close"), (b"connection", value)]
    rest = [pair for pair in headers if pair[0] not in named]

    assert upstream_headers(declared, KEY, b"") == upstream_headers(rest, KEY, b"")
    assert client_headers(declared) == client_headers(rest)


def test_connection_cannot_take_away_what_nexus_sets() -> None:
    hostile = [(b"connection", b"x-api-key, accept-encoding, anthropic-beta"), (b"anthropic-beta", b"a")]

    assert upstream_headers(hostile, KEY, BETA) == [(b"anthropic-beta", BETA), IDENTITY, *KEY]


@pytest.mark.parametrize(
    ("sent", "upstream"),
    [
        ([], [BETA]),
        ([b""], [BETA]),
        ([b" "], [BETA]),
        ([b"a"], [b"a," + BETA]),
        ([b"a", b"b"], [b"a", b"b," + BETA]),
        ([BETA], [BETA]),
        ([b"a, " + BETA + b" ,b"], [b"a, " + BETA + b" ,b"]),
        ([BETA, b"b"], [BETA, b"b"]),
        ([b"x-" + BETA], [b"x-" + BETA + b"," + BETA]),
        ([BETA + b"-next"], [BETA + b"-next," + BETA]),
    ],
)
def test_the_oauth_beta_is_added_when_it_is_not_there_as_a_whole_value(
    sent: list[bytes], upstream: list[bytes]
) -> None:
    headers = [(b"anthropic-beta", value) for value in sent]

    found = upstream_headers([*headers, (b"x-app", b"cli")], (), BETA)

    assert [value for name, value in found if name == b"anthropic-beta"] == upstream
    assert (b"x-app", b"cli") in found


def test_a_short_value_is_masked_once_and_a_long_one_is_not_kept_in_memory() -> None:
    module._masked.cache_clear()
    long = b"sk-ant-" + b"x" * 1000

    shown = masked([(b"x-api-key", b"sk-ant-api03-secret"), (b"x-api-key", long), (b"x-app", b"cli")])

    assert "secret" not in shown[0][1]
    assert "xxx" not in shown[1][1]
    assert shown[2] == ("x-app", "cli")
    assert module._masked.cache_info().currsize == 2


@pytest.mark.parametrize("value", [b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"ok \xc3", b"\x85" * 1000])
def test_a_value_that_is_no_utf8_is_recorded_as_latin_1_and_no_byte_is_lost(value: bytes) -> None:
    assert masked([(b"x-name", value)]) == [("x-name", value.decode("latin-1"))]


def test_a_credential_in_a_value_that_is_no_utf8_is_masked() -> None:
    shown = masked([(b"x-note", b"caf\xe9 sk-ant-api03-secret"), (b"x-api-key", b"\xffsecret")])

    assert [value for _, value in shown] == ["caf\xe9 sk-ant-****", "****"]


def test_a_value_that_is_utf8_is_recorded_as_such() -> None:
    assert masked([(b"x-name", "caf\u00e9".encode())]) == [("x-name", "caf\u00e9")]
