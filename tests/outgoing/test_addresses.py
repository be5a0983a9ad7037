"""Which addresses are public, and reading them in one form only."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgoing.addresses import is_public, read_address

NOT_PUBLIC = (
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),  # noqa: S104
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1"),
    *("192.88.99.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:20::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:808:808::1", "3fff::1", "4000::1", "5f00::1"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1"),
    "2606:4700::1%1",
)
PUBLIC = ("1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "223.255.255.254")
PUBLIC_V6 = ("2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "2003::1")
ODD = ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.01", "127.0.0.1.", "::1.2.3")


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_what_is_not_public(text: str) -> None:
    """Every special range, and every one in which an IPv4 address can hide."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", [*PUBLIC, *PUBLIC_V6])
def test_what_is_public(text: str) -> None:
    """The neighbours of special ranges, and servers that everybody knows."""
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", ODD)
def test_odd_forms_are_no_addresses(text: str) -> None:
    """Some resolvers read them, each in its own way."""
    assert read_address(text) is None


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_nothing_is_public_that_python_calls_special(address: IPv4Address | IPv6Address) -> None:
    """The standard library has a table of its own; ours refuses at least as much."""
    special = (
        address.is_private
        or address.is_reserved
        or address.is_multicast
        or address.is_link_local
        or address.is_loopback
        or address.is_unspecified
    )
    assert not (special and is_public(address))
