"""The protocols of providers and engines. Structural: there is nothing to inherit from.

All coroutines are called under a deadline of the host's and may be cancelled at any await; they must then close
what they opened. None may block the event loop, read the environment, or configure logging. A task that is begun in a
call ends by ``aclose``: what is left running is cancelled by the host, which names its plugin. A complete discoverer::

    class FileDiscoverer:
        def __init__(self, settings, context):
            self._path = settings.path

        async def discover(self):
            try:
                listed = json.loads(await asyncio.to_thread(self._path.read_text))
                endpoints = tuple(Endpoint(*parse_address(text)) for text in listed)
            except OSError as error:
                raise DiscoveryError(f"{self._path}: {error}", kind=FailureKind.UNAVAILABLE) from error
            except (ValueError, TypeError, AttributeError) as error:
                raise DiscoveryError(f"{self._path}: no list", kind=FailureKind.BAD_DATA) from error
            return Found(endpoints) if endpoints else Empty(f"{self._path} lists no peer")

        async def aclose(self):
            pass

A registrar is made in the same way; ``engram_discovery.testing.contracts`` checks that each keeps its promises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from collections.abc import Set as AbstractSet

    from engram_discovery.types import (
        CheckResult,
        Empty,
        Endpoint,
        Found,
        JoinReport,
        Lease,
        Member,
        MembershipEvent,
        NodeRecord,
        NodeState,
    )

__all__ = ["Discoverer", "HealthCheck", "Membership", "Registrar", "WatchingDiscoverer", "WatchingRegistrar"]


@runtime_checkable
class Discoverer(Protocol):
    """Finds the endpoints of peers. The host refreshes, retries, keeps the last known good answer and logs."""

    async def discover(self) -> Found | Empty:
        """Ask once.

        Returns:
            ``Found`` with at least one endpoint, or ``Empty`` if the source states with authority that there is none.

        Raises:
            DiscoveryError: The source could not be read, or its data are malformed. Known endpoints are kept.
        """

    async def aclose(self) -> None:
        """Release sockets and tasks. Called once, also after a failure; bounded by the host."""


@runtime_checkable
class WatchingDiscoverer(Discoverer, Protocol):
    """A discoverer that reports changes. The host still calls ``discover`` every few minutes, as a safety net."""

    def watch(self) -> AsyncIterator[Found | Empty]:
        """Yield the whole answer at once and after each change, for as long as the host iterates.

        Raises:
            DiscoveryError: From ``__anext__``; the host backs off and calls ``watch`` again.
        """


@runtime_checkable
class Registrar(Protocol):
    """Keeps one record in a registry. The host decides when: register, renew, verify, repair, deregister."""

    async def register(self, node: NodeRecord) -> Lease:
        """Create or replace our record. Idempotent: called again after a loss, a change of address or of credentials.

        Raises:
            RegistrationError: The registry refused or did not answer.
        """

    async def renew(self) -> Lease:
        """Keep the record alive; called at a third of the granted TTL. Never called where ``Lease.ttl`` is None.

        Raises:
            RegistrationError: With kind ``not_found`` if the record is gone and must be registered anew.
        """

    async def verify(self) -> bool:
        """Read the record back; return whether it is present and ours. A successful write proves nothing.

        Raises:
            RegistrationError: The registry could not be read.
        """

    async def deregister(self) -> None:
        """Remove our record. Called once, at shutdown; succeeds if there is none.

        Raises:
            RegistrationError: The record may still be there.
        """

    async def aclose(self) -> None:
        """Release sockets and tasks. Called once, also after a failure; bounded by the host."""


@runtime_checkable
class WatchingRegistrar(Registrar, Protocol):
    """A registrar that reports changes of its record. The host still verifies regularly."""

    async def wait_for_change(self) -> None:
        """Block until the record may have changed. Called only while registered; the host then verifies.

        The host calls it again at most once a second. If it raises, only the regular verification remains.
        """


@runtime_checkable
class HealthCheck(Protocol):
    """One check of something that the node depends on; shown in ``/cluster/health`` under ``checks``."""

    @property
    def name(self) -> str:
        """A short constant name, such as ``consul``. It becomes a metric label: never an address."""

    async def check(self) -> CheckResult:
        """Check once. Any exception counts as critical."""


@runtime_checkable
class Membership(Protocol):
    """A gossip engine: who is in the cluster, and in which state. Reads never wait and may come from any thread."""

    @property
    def capabilities(self) -> AbstractSet[str]:
        """Any of ``suspect``, ``incarnation``, ``left``, ``encryption``, ``metadata``."""

    @property
    def local(self) -> Member:
        """This node as it presents itself. Valid after ``start``."""

    async def start(self) -> None:
        """Open the socket and answer gossip. Joins no member.

        Raises:
            BindError: The address is in use, not on this host, or not permitted.
        """

    async def join(self, endpoints: Sequence[Endpoint], *, timeout: float) -> JoinReport:
        """Contact all endpoints at once; nothing takes longer than ``timeout`` seconds.

        Returns:
            What became of each. Failing to reach any is a report, not an exception.
        """

    def members(self, states: AbstractSet[NodeState] | None = None) -> tuple[Member, ...]:
        """Return all members in the given states (default: all, departed ones included), this node first."""

    def events(self) -> AsyncIterator[MembershipEvent]:
        """Subscribe, from this call on, to changes of other members. Ends when the engine closes."""

    def stats(self) -> dict[str, int]:
        """Return the engine's counters by name."""

    async def set_spaces(self, spaces: Sequence[str]) -> None:
        """Gossip which memory spaces this node holds. Those that do not fit are counted."""

    async def rotate_key(self, action: str, key: str) -> tuple[str, ...]:
        """Change the keyring of this node: ``install`` a key everywhere, then ``use`` it, then ``remove`` the old.

        Returns:
            The ids (never the keys) now installed, the one in use first.

        Raises:
            MembershipError: Not encrypted, or the engine refuses (a key in use cannot be removed).
        """

    async def leave(self, timeout: float) -> None:
        """Leave the cluster, waiting up to ``timeout`` seconds for the message to spread."""

    async def aclose(self) -> None:
        """Close socket, tasks and threads. Without ``leave`` before, the others see a crash."""
