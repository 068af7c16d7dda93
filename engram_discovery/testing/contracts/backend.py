"""The server behind a provider, as the contract suites drive it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engram_discovery.network.address import Address

__all__ = ["Backend"]


class Backend:
    """Your server. Override what it can do, and name that in ``capabilities`` of your suites.

    A real server is better than a fake one: the promises are about what happens on the wire. Each test gets one of its
    own, started and without a record. Whatever changes it returns once a new client would see the change.
    """

    async def start(self) -> None:
        """Start it, empty at first; after ``stop`` with the records it had."""

    async def stop(self) -> None:
        """(stop) Stop it, so that no request is answered. May be called when it is stopped or paused already."""

    async def pause(self) -> None:
        """(pause) Freeze it: connections are accepted or kept, and nothing is answered (SIGSTOP)."""
        raise NotImplementedError

    async def resume(self) -> None:
        """(pause) Thaw it."""
        raise NotImplementedError

    async def add(self, address: Address) -> None:
        """(change) Add a record that a discoverer of your settings should find."""
        raise NotImplementedError

    async def remove(self, address: Address) -> None:
        """(change) Remove a record that was added."""
        raise NotImplementedError

    async def corrupt(self) -> None:
        """(corrupt) Answer from now on with something that is no answer, such as half a file."""
        raise NotImplementedError

    async def registered(self) -> Mapping[str, Address]:
        """Return the gossip address of every registered node, by node id, as other clients see it. For registrars."""
        raise NotImplementedError

    async def forget(self, node_id: str) -> None:
        """(forget) Remove a node's record behind its registrar's back."""
        raise NotImplementedError
