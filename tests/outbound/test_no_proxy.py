"""NO_PROXY and loopback, as docs/settings.md says."""

import pytest

from accounts.outbound.no_proxy import is_loopback, matching_entry


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("*", "api.example.com", 443),
        ("api.example.com", "api.example.com", 443),
        ("Example.COM", "api.example.com", 443),
        (".example.com", "api.example.com", 443),
        (".example.com", "example.com", 443),
        ("*.example.com", "a.b.example.com", 443),
        ("example.com", "API.example.com.", 443),
        ("api.example.com:8443", "api.example.com", 8443),
        (".example.com:443", "api.example.com", 443),
        ("*:8080", "anything", 8080),
        ("10.1.2.3", "10.1.2.3", 443),
        ("10.1.2.3:443", "10.1.2.3", 443),
        ("10.0.0.0/8", "10.200.0.1", 443),
        ("10.1.2.3/8", "10.200.0.1", 443),
        ("::1", "::1", 443),
        ("2001:db8::1", "2001:db8:0:0::1", 443),
        ("[2001:db8::1]", "2001:db8::1", 443),
        ("[2001:db8::1]:8443", "2001:db8::1", 8443),
        ("2001:db8::/32", "2001:db8:1::5", 443),
        ("fe80::1", "fe80::1%eth0", 443),
    ],
)
def test_an_entry_covers(entry: str, host: str, port: int) -> None:
    assert matching_entry(host, port, f"first.invalid, {entry} last.invalid") == entry


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("", "example.com", 443),
        (".", "example.com", 443),
        ("*.", "example.com", 443),
        (":443", "example.com", 443),
        ("example.com", "badexample.com", 443),
        ("api.example.com", "example.com", 443),
        ("example.com:8443", "example.com", 443),
        ("example.com:https", "example.com", 443),
        ("10.1.2.3", "10.1.2.30", 443),
        ("10.0.0.0/99", "10.0.0.1", 443),
        ("10.0.0.0/8", "2001:db8::1", 443),
        ("10.0.0.0/8", "ten.example.com", 443),
        ("example.com", "10.1.2.3", 443),
        ("[2001:db8::1]:8443", "2001:db8::1", 443),
        ("<local>", "printer", 443),
    ],
)
def test_an_entry_does_not_cover(entry: str, host: str, port: int) -> None:
    assert matching_entry(host, port, entry) == ""


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "127.1", "0x7f000001", "2130706433", "::1",
     "::ffff:127.0.0.1", "0.0.0.0", "::"],  # noqa: S104
)  # fmt: skip
def test_this_machine_is_known_in_every_notation(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost.example.com", "10.0.0.1", "api.example.com", "", "é", "2001:db8::1"]
)
def test_another_machine_is_not_this_one(host: str) -> None:
    assert not is_loopback(host)
