from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.access.hosts import BadHost, parse_host
from accounts.access.wildcards import covering, names_for, parse_domain
from accounts.credentials.files import domain_of


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("*.example.com", "*.example.com"),
        (" *.A.Example.CO.UK. ", "*.a.example.co.uk"),
        ("*.münchen.de", "*.xn--mnchen-3ya.de"),
        ("*.team.github.io", "*.team.github.io"),
        ("*.nexus.internal", "*.nexus.internal"),
        ("API.example.com:3000", "api.example.com:3000"),
        ("[0::1]", "[::1]"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_domain_has_one_spelling(value: str, name: str) -> None:
    assert parse_domain(value) == name


@pytest.mark.parametrize(
    "value",
    [
        "*.com", "*.co.uk", "*.github.io", "*.s3.amazonaws.com", "*.localhost", "*.internal", "*.", "*", "*.*.example.com",
        "a.*.example.com", "*example.com", "*.example.com:3000", "*.0.0.1", "*.127.0.0.1", "*.[::1]", "*./../x", "*..example.com",
    ],
)  # fmt: skip
def test_what_nobody_can_own_is_no_wildcard(value: str) -> None:
    with pytest.raises(BadHost):
        parse_domain(value)


@pytest.mark.parametrize(
    ("host", "wildcards"),
    [
        ("a.b.example.co.uk", ("*.b.example.co.uk", "*.example.co.uk")),
        ("example.co.uk", ()),
        ("co.uk", ()),
        ("localhost", ()),
        ("127.0.0.1", ()),
        ("[::1]", ()),
        ("x.team.github.io", ("*.team.github.io",)),
        ("team.github.io", ()),
    ],
)
def test_the_wildcards_of_a_host_end_at_its_registrable_domain(host: str, wildcards: tuple[str, ...]) -> None:
    assert covering(host) == wildcards


def test_all_names_of_a_host_the_most_specific_first() -> None:
    assert names_for(parse_host("A.example.com:1")) == ("a.example.com:1", "a.example.com", "*.example.com")


@given(st.from_regex(r"[a-z0-9_]{1,3}(\.[a-z0-9_]{1,3}){0,5}", fullmatch=True))
def test_whatever_the_host_its_wildcards_cover_it_and_can_be_owned(host: str) -> None:
    for wildcard in covering(host):
        assert host.endswith(wildcard[1:])
        assert parse_domain(wildcard) == wildcard


@pytest.mark.parametrize(
    ("file", "domain"),
    [
        ("_wildcard.example.com.credentials.json", "*.example.com"),
        ("_wildcard.Example.com.credentials.json", "*.example.com"),
        ("_wildcard.com.credentials.json", None),
        ("_wildcard..credentials.json", None),
        ("*.example.com.credentials.json", "*.example.com"),
        ("example.com.credentials.json", "example.com"),
        ("_wildcard.example.com", None),
    ],
)
def test_a_credential_file_may_stand_for_a_wildcard(file: str, domain: str | None) -> None:
    assert domain_of(Path("/c") / file) == domain
