"""Translate ``MembershipConfig`` into kinship's configuration, and its bind errors into advice."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import kinship

from engram_discovery.defaults import (
    ENGINE_EVENT_BUFFER,
    MAX_INBOUND_STREAMS,
    MAX_MEMBERS,
    PUSH_PULL_INTERVALS,
)
from engram_discovery.errors import MembershipError
from engram_discovery.membership import metadata
from engram_discovery.membership.gossip_name import gossip_name
from engram_discovery.network.address import Address, format_address, is_wildcard

if TYPE_CHECKING:
    from engram_discovery.hookspecs import MembershipConfig

__all__ = ["bind_message", "engine_config"]

_PRESETS = {"lan": kinship.Config.lan, "wan": kinship.Config.wan, "local": kinship.Config.local}

_REMEDIES = {
    errno.EADDRINUSE: (
        "another process uses it; find it with `ss -lntup`, or choose another cluster.network.swim_bind"
    ),
    errno.EADDRNOTAVAIL: (
        "this host has no such address; set cluster.network.swim_bind to one that `ip address` lists"
    ),
    errno.EACCES: "ports below 1024 need privileges; choose a higher port in cluster.network.swim_bind",
}


def engine_config(config: MembershipConfig) -> kinship.Config:
    """Return kinship's configuration.

    Raises:
        MembershipError: kinship refuses a value; the message has the field.
    """
    tuning = {key: value for key, value in config.tuning.items() if value is not None}
    profile = tuning.pop("profile", "lan")
    fields = {**_fields(config), "push_pull_interval": PUSH_PULL_INTERVALS[profile]}
    try:
        return _PRESETS[profile](**fields, **tuning)
    except (kinship.ConfigError, ValueError) as error:
        raise MembershipError(f"cluster.swim: {error}") from error


def bind_message(bind: Address, error: OSError) -> str:
    """Return why the gossip address cannot be bound, and what to do."""
    text = str(error)
    # The Rust engine puts the number into the text only.
    number = next((n for n in _REMEDIES if f"os error {n}" in text or error.errno == n), None)
    return f"cannot bind gossip to {format_address(bind)}: {_REMEDIES.get(number or 0, text)}"


def _fields(config: MembershipConfig) -> dict[str, Any]:
    bind, advertise = config.bind, config.advertise
    fields: dict[str, Any] = {
        "name": gossip_name(config.identity.node_id, config.identity.generation),
        "cluster": config.identity.cluster,
        "bind": format_address(bind),
        "meta": metadata.encode(config.api_addr, config.zone, config.spaces),
        # kinship's default cap of 16 streams per address delays nodes that start together on one machine
        "max_inbound_streams": MAX_INBOUND_STREAMS,
        "max_inbound_streams_per_ip": MAX_INBOUND_STREAMS,
        "join_retries": 1,
        "max_members": MAX_MEMBERS,
        "event_buffer": ENGINE_EVENT_BUFFER,
    }
    if advertise.port and (is_wildcard(bind.host) or advertise != bind):
        fields["advertise"] = format_address(advertise)
    if config.keys:
        fields["keys"] = [key.get_secret_value() for key in config.keys]
    else:
        fields["insecure_plaintext"] = True
    return fields
