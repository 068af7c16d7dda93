"""Addresses that no peer can have, whatever DNS says."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["rejection"]

_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


def rejection(text: str, allowed: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()) -> str | None:
    """Say why an address must not be contacted; None if it may be, or is a name.

    Wildcards, multicast and broadcast reach nobody or everybody; link-local addresses hold the metadata
    services of clouds and mean nothing on another host. With ``allowed``, only they may be contacted.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified:
        return "unspecified"
    if address.is_multicast or address == _BROADCAST:
        return "multicast"
    if address.is_link_local:
        return "link_local"
    if allowed and not any(address in network for network in allowed if network.version == address.version):
        return "not_allowed"
    return None
