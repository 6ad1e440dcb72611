import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.access.hosts import BadHost, Host, is_personal, parse_host


@pytest.mark.parametrize(
    ("value", "candidates"),
    [
        ("api.example.com", ("api.example.com",)),
        (" API.Example.COM:3000 ", ("api.example.com:3000", "api.example.com")),
        ("localhost:03000", ("localhost:3000", "localhost")),
        ("example.com.", ("example.com",)),
        ("example.com:", ("example.com",)),
        ("under_score-1.example", ("under_score-1.example",)),
        ("127.0.0.1:80", ("127.0.0.1:80", "127.0.0.1")),
        ("münchen.example:8080", ("xn--mnchen-3ya.example:8080", "xn--mnchen-3ya.example")),
        ("\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0ecom", ("example.com",)),
        ("a" * 253, ("a" * 253,)),
        ("a:65535", ("a:65535", "a")),
    ],
)
def test_a_host_is_looked_up_with_its_port_and_then_without(value: str, candidates: tuple[str, ...]) -> None:
    assert parse_host(value).candidates == candidates


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("[::1]", Host("[::1]", "")),
        ("[::1]:3000", Host("[::1]", "3000")),
        ("[2001:DB8:0:0:0:0:0:1]:443", Host("[2001:db8::1]", "443")),
        ("[0:0::1]", Host("[::1]", "")),
        ("[fe80::192.0.2.1]", Host("[fe80::c000:201]", "")),
    ],
)
def test_predecessor_defect_ipv6_literals_are_read_in_brackets_and_have_one_spelling(
    value: str, host: Host
) -> None:
    assert parse_host(value) == host


@pytest.mark.parametrize(
    "value",
    [
        "", ".", "..", "a..b", "../etc/passwd", "a/../b", "a\\b", "/a", "a/", "%2e%2e", "a b", "a\0b", "a\nb", "-a", "a-", "*",
        "a" * 254, "user@a", "a?b", "::1", "a:b:1", "a:0", "a:65536", "a:-1", "a:+1", "a:x", "a:\uff11x", "a:" + "1" * 5000,
        "[", "[]", "[::1", "[::1]x", "[::1]3000", "[::1]:0", "[:::1]", "[1.2.3.4]", "[g::1]", "[::1%25eth0]", "[fe80::1%/../x]",
        "[::1]:1:2", "\uff0fetc", "a\uff0e\uff0eb", "\ud800", "ß" * 300, "xn--\u0308.é",
    ],
)  # fmt: skip
def test_what_names_no_host_is_refused(value: str) -> None:
    with pytest.raises(BadHost):
        parse_host(value)


@given(st.text() | st.text(alphabet=string.ascii_letters + string.digits + ".:-_[]%/\\\u3002\uff0e\uff1aé"))
def test_a_parsed_host_is_one_plain_name_whatever_came(value: str) -> None:
    try:
        host = parse_host(value)
    except BadHost:
        return

    assert set(host.full) <= set(string.ascii_lowercase + string.digits + "._-:[]")
    assert ".." not in host.full
    assert parse_host(host.full) == host


@pytest.mark.parametrize(("domain", "personal"), [("alans-Personal.example", True), ("team.example", False)])
def test_a_domain_is_personal_by_its_name(domain: str, personal: bool) -> None:
    assert is_personal(domain) is personal
