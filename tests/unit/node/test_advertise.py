"""The advertise address, and the recognition of the node's own addresses."""

from __future__ import annotations

import pytest

from engram_discovery.errors import SettingsError
from engram_discovery.network.address import Address
from engram_discovery.node.advertise import (
    InterfaceAddress,
    SelfFilter,
    choose_advertise,
    interface_addresses,
    needs_seeds,
)
from engram_discovery.types import Endpoint

LO = InterfaceAddress("127.0.0.1", "lo")
LO6 = InterfaceAddress("::1", "lo")
ETH = InterfaceAddress("10.0.0.5", "eth0")
ETH6 = InterfaceAddress("fd00::5", "eth0")
LINK6 = InterfaceAddress("fe80::1%eth0", "eth0")
DOCKER = InterfaceAddress("172.17.0.1", "docker0")
ANY = Address("0.0.0.0", 7946)
ANY6 = Address("::", 7946)


@pytest.mark.parametrize(
    ("advertise", "bind", "interfaces", "expected"),
    [
        ("192.0.2.1", ANY, [LO, ETH, DOCKER], ("192.0.2.1", 7946)),
        ("192.0.2.1:9000", ANY, [LO], ("192.0.2.1", 9000)),
        ("auto", Address("10.0.0.5", 7946), [LO, ETH, DOCKER], ("10.0.0.5", 7946)),
        ("iface:docker0", ANY, [LO, ETH, DOCKER], ("172.17.0.1", 7946)),
        ("iface:eth0", ANY6, [LO, ETH, ETH6, LINK6], ("fd00::5", 7946)),
        ("auto", ANY, [LO, LO6, ETH, ETH6, LINK6], ("10.0.0.5", 7946)),
        ("auto", ANY6, [LO, LO6, ETH, ETH6, LINK6], ("fd00::5", 7946)),
        ("auto", ANY, [LO, LO6, ETH6, LINK6], ("fd00::5", 7946)),
        ("auto", ANY, [LO], ("127.0.0.1", 7946)),
    ],
)
def test_the_first_rule_that_applies_decides(
    advertise: str, bind: Address, interfaces: list[InterfaceAddress], expected: tuple[str, int]
) -> None:
    """Setting, interface, specific bind address, only candidate, loopback: in this order, never a wildcard."""
    assert choose_advertise(advertise, bind, interfaces) == expected


def test_several_candidates_are_an_error_that_lists_them() -> None:
    """The message holds every address with its interface, and the very line to write."""
    with pytest.raises(SettingsError) as caught:
        choose_advertise("auto", ANY, [LO, ETH, DOCKER])

    message = str(caught.value)
    assert "10.0.0.5 (eth0), 172.17.0.1 (docker0)" in message
    assert 'advertise = "10.0.0.5" or advertise = "iface:eth0"' in message


def test_the_route_to_a_seed_decides_between_candidates() -> None:
    """Of several candidates the source address of the route to a seed is chosen; a loopback seed leads to loopback."""
    assert needs_seeds("auto", ANY, [LO, ETH, DOCKER])

    chosen = choose_advertise("auto", ANY, [LO, ETH, DOCKER], [Endpoint("127.0.0.1", 7946)])

    assert chosen == ("127.0.0.1", 7946)


def test_a_remote_seed_that_is_only_a_name_decides_nothing() -> None:
    """A loopback seed beside it must not make a node of a remote cluster advertise loopback."""
    with pytest.raises(SettingsError, match="several addresses"):
        choose_advertise("auto", ANY, [LO, ETH, DOCKER], [Endpoint("node1", 1), Endpoint("127.0.0.1", 7946)])


def test_an_unknown_interface_is_an_error_that_lists_the_known() -> None:
    """The message for a typo in ``iface:`` lists the interfaces of the machine."""
    with pytest.raises(SettingsError, match=r'no interface "eth7" .*docker0, eth0, lo'):
        choose_advertise("iface:eth7", ANY, [LO, ETH, DOCKER])


def test_this_machine_has_a_loopback_address() -> None:
    """The list is read from the system."""
    assert "127.0.0.1" in {address.host for address in interface_addresses()}


@pytest.mark.parametrize(
    ("bind", "advertise", "endpoint", "is_self"),
    [
        (ANY, Address("10.0.0.5", 7946), Endpoint("10.0.0.5", 7946), True),
        (ANY, Address("10.0.0.5", 7946), Endpoint("172.17.0.1", 7946), True),
        (ANY, Address("10.0.0.5", 7946), Endpoint("127.0.0.1", 7946), True),
        (ANY, Address("10.0.0.5", 7946), Endpoint("127.0.3.4", 7946), True),
        (ANY, Address("10.0.0.5", 7946), Endpoint("10.0.0.5", 7947), False),
        (ANY, Address("10.0.0.5", 7946), Endpoint("10.0.0.6", 7946), False),
        (ANY, Address("203.0.113.1", 9000), Endpoint("203.0.113.1", 9000), True),
        (ANY, Address("203.0.113.1", 9000), Endpoint("10.0.0.5", 7946), True),
        (Address("127.0.0.2", 7946), Address("127.0.0.2", 7946), Endpoint("127.0.0.1", 7946), False),
        (Address("127.0.0.2", 7946), Address("127.0.0.2", 7946), Endpoint("127.0.0.2", 7946), True),
    ],
)
def test_own_addresses_are_recognised(
    bind: Address, advertise: Address, endpoint: Endpoint, *, is_self: bool
) -> None:
    """Every interface address at the bound port and the advertised one are this node; another loopback one is not."""
    assert SelfFilter(bind, advertise, [LO, ETH, DOCKER])(endpoint) is is_self
