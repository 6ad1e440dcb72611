import ipaddress

import pytest

from proxy.store.notifications.public_address import PrivateAddress, is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.1", "100.64.0.1",
        "192.0.2.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1",
        "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1", "192.88.99.1", "240.0.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.0.0.8",
        # What stands for an IPv4 address, whatever that is: NAT64, compatible, mapped, translated, 6to4, Teredo.
        "64:ff9b::808:808", "64:ff9b:1::808:808", "::8.8.8.8", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "2002:808:808::1",
        "2001:0:808:808::1", "fec0::1", "3fff::1", "2001:2::1", "2001:10::1", "2001:20::1", "100::1", "5f00::1", "4000::1",
    ],
)  # fmt: skip
def test_an_address_inside_a_network_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["3.5.7.9", "8.8.8.8", "2600:1f18::1", "2001:4860:4860::8888", "2a00:1450::1"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "2130706433", "0x7f.1"])
def test_every_spelling_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(PrivateAddress):
        resolve(host, 443, allow_private=False)


def test_a_test_may_allow_private_addresses() -> None:
    assert resolve("127.0.0.1", 443, allow_private=True) == [ipaddress.ip_address("127.0.0.1")]


def test_a_public_address_is_returned() -> None:
    assert resolve("8.8.8.8", 443, allow_private=False) == [ipaddress.ip_address("8.8.8.8")]
