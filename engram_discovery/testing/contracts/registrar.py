"""What every registrar promises."""
# ruff: noqa: S101  a contract suite asserts

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest
import pytest_asyncio

from engram_discovery.errors import FailureKind, RegistrationError
from engram_discovery.network.address import Address
from engram_discovery.protocols import WatchingRegistrar
from engram_discovery.testing.contracts.observing import assert_leaves_nothing, eventually, longest_hold
from engram_discovery.testing.contracts.provider import IDENTITY, ProviderContract, paused
from engram_discovery.types import Lease, NodeRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from engram_discovery.hookspecs import PluginContext
    from engram_discovery.host import PluginHost
    from engram_discovery.protocols import Registrar
    from engram_discovery.testing.contracts.backend import Backend
    from engram_discovery.testing.log import RecordingLogger

__all__ = ["RegistrarContract"]

NODE = NodeRecord(
    identity=IDENTITY, addr=Address("127.0.0.1", 7946), api_addr=Address("127.0.0.1", 50051), spaces=("a",)
)
MOVED = replace(NODE, addr=Address("127.0.0.9", 7947))
OTHER = replace(NODE, identity=replace(IDENTITY, node_id="contract-2"), addr=Address("127.0.0.2", 7946))
NEWER = replace(MOVED, identity=replace(IDENTITY, generation=IDENTITY.generation + 1))

_GRACE = 1.0
_LONG_HOLD = 0.25


class RegistrarContract(ProviderContract):
    """The promises of ``engram_discovery.protocols.Registrar``. Your ``Backend`` needs ``registered``.

    Capabilities: ``lease`` (records have a time to live and are renewed), ``watch`` (it has ``wait_for_change``),
    ``replace`` (it detects that a newer run of its node id holds the record), ``forget``, ``stop``, ``pause``.

    Attributes:
        expires_within: Seconds after which a record that is not renewed is gone at the latest. Let your settings make
            this short: one test waits for it.
    """

    pytestmark = pytest.mark.asyncio(loop_scope="function")

    expires_within: ClassVar[float] = 10.0

    _known: ClassVar[frozenset[str]] = frozenset({"lease", "watch", "replace", "forget", "stop", "pause"})

    @pytest.fixture
    def make(self, host: PluginHost, context: PluginContext, backend: Backend) -> Callable[[], Registrar]:
        """Make a registrar, which the test closes."""

        def make() -> Registrar:
            registrar = host.create_registrar(self.provider, self.table(host, backend), context)
            assert registrar is not None, f'"{self.provider}" makes no registrar'
            return registrar

        return make

    @pytest_asyncio.fixture(loop_scope="function")
    async def registrar(self, make: Callable[[], Registrar]) -> AsyncIterator[Registrar]:
        """A registrar that is closed after the test."""
        registrar = make()
        yield registrar
        with suppress(Exception):  # other tests check how it closes
            await asyncio.wait_for(registrar.aclose(), 2 * _GRACE)

    # --- the record ----------------------------------------------------------------------------------------

    async def test_a_registered_node_is_seen_by_others(self, registrar: Registrar, backend: Backend) -> None:
        """After register, other clients see the node at its gossip address."""
        await registrar.register(NODE)

        await self._expect_address(backend, NODE.addr)

    async def test_registering_again_changes_nothing(self, registrar: Registrar, backend: Backend) -> None:
        """The host registers anew whenever in doubt: there is still one record."""
        await registrar.register(NODE)
        await registrar.register(NODE)

        await self._expect_nodes(backend, "contract-1")

    async def test_registering_again_replaces_the_address(
        self, registrar: Registrar, backend: Backend
    ) -> None:
        """A node that has moved is seen at its new address only."""
        await registrar.register(NODE)
        await self._expect_nodes(backend, "contract-1")

        await registrar.register(MOVED)

        await self._expect_address(backend, MOVED.addr)

    async def test_verify_sees_the_record(self, registrar: Registrar) -> None:
        """A read shows the record after register."""
        await registrar.register(NODE)

        assert await eventually(registrar.verify, self.within), "verify() does not find what was registered"

    async def test_verify_sees_that_the_record_is_gone(self, registrar: Registrar, backend: Backend) -> None:
        """Verify reads the registry, and does not merely remember that register succeeded."""
        self.needs("forget")
        await registrar.register(NODE)
        await eventually(registrar.verify, self.within)
        await backend.forget("contract-1")

        async def gone() -> bool:
            return not await registrar.verify()

        assert await eventually(gone, self.within), "verify() is true and the record is gone"

    async def test_deregister_removes_the_record(self, registrar: Registrar, backend: Backend) -> None:
        """After deregister no reader sees the node, well before its record would have expired."""
        lease = await registrar.register(NODE)
        await self._expect_nodes(backend, "contract-1")

        await registrar.deregister()

        await self._expect_nodes(backend, within=min(self.within, (lease.ttl or self.within) / 3))

    async def test_deregister_without_a_record_succeeds(self, registrar: Registrar, backend: Backend) -> None:
        """What is gone already is deregistered."""
        self.needs("forget")
        await registrar.register(NODE)
        await backend.forget("contract-1")

        await registrar.deregister()

    async def test_nodes_do_not_disturb_each_other(
        self, make: Callable[[], Registrar], registrar: Registrar, backend: Backend
    ) -> None:
        """A node that comes and goes leaves the records of others as they are."""
        await registrar.register(NODE)
        other = make()
        await other.register(OTHER)
        await self._expect_nodes(backend, "contract-1", "contract-2")

        await other.deregister()
        await other.aclose()

        assert "contract-1" in await backend.registered(), "another node's deregister removed ours"

    async def test_a_newer_run_is_kept(
        self, make: Callable[[], Registrar], registrar: Registrar, backend: Backend
    ) -> None:
        """Once a newer run of the node id holds the record, verify raises superseded and deregister removes nothing."""
        self.needs("replace")
        await registrar.register(NODE)
        newer = make()
        await newer.register(NEWER)

        with pytest.raises(RegistrationError) as caught:
            await registrar.verify()
        with suppress(RegistrationError):
            await registrar.deregister()

        assert caught.value.kind is FailureKind.SUPERSEDED
        assert "contract-1" in await backend.registered(), "the newer run's record was removed"
        await newer.aclose()

    async def test_a_lost_record_is_reported(self, registrar: Registrar, backend: Backend) -> None:
        """``wait_for_change`` waits while the record is there, and returns soon after something else removed it."""
        self.needs("watch", "forget")
        assert isinstance(registrar, WatchingRegistrar), "it declares watch and has no method wait_for_change"
        await registrar.register(NODE)
        await eventually(registrar.verify, self.within)
        waiting = asyncio.create_task(registrar.wait_for_change())
        await asyncio.wait({waiting}, timeout=0.1)

        await backend.forget("contract-1")
        await asyncio.wait({waiting}, timeout=self.within)
        ended = waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=_GRACE)

        assert ended, f"the record went, and wait_for_change() still waits after {self.within:g} s"

    # --- leases --------------------------------------------------------------------------------------------

    async def test_a_lease_has_the_granted_ttl(self, registrar: Registrar) -> None:
        """Register and renew return the time to live; it is None exactly if records never expire."""
        leases = [await registrar.register(NODE)]
        if "lease" in self.capabilities:
            leases.append(await registrar.renew())

        for lease in leases:
            assert isinstance(lease, Lease), f"expected a Lease, got {lease}"
            if "lease" in self.capabilities:
                assert lease.ttl is not None and lease.ttl > 0, f"a lease of {lease.ttl} s cannot be renewed"  # noqa: PT018
            else:
                assert lease.ttl is None, f"a lease of {lease.ttl} s without the capability lease"

    async def test_a_record_expires_unless_it_is_renewed(
        self, make: Callable[[], Registrar], backend: Backend
    ) -> None:
        """After a crash the record goes by itself; nothing in the background renews it but the host's calls."""
        self.needs("lease")
        crashed = make()
        await crashed.register(NODE)
        await self._expect_nodes(backend, "contract-1")

        await self._expect_nodes(backend, within=self.expires_within)
        await crashed.aclose()

    async def test_a_renewed_record_stays(self, registrar: Registrar, backend: Backend) -> None:
        """Renewed at a third of its time to live, the record outlives that time."""
        self.needs("lease")
        ttl = (await registrar.register(NODE)).ttl or 0.0
        await self._expect_nodes(backend, "contract-1")

        for _ in range(5):
            await asyncio.sleep(ttl / 3)
            await registrar.renew()

        assert "contract-1" in await backend.registered(), "the record expired although it was renewed"

    async def test_renewing_does_not_hide_a_loss(self, registrar: Registrar, backend: Backend) -> None:
        """When the record is gone, renew raises not_found, or verify then returns False; the host registers again."""
        self.needs("lease", "forget")
        await registrar.register(NODE)
        await backend.forget("contract-1")

        try:
            await registrar.renew()
            reported = await registrar.verify() == ("contract-1" in await backend.registered())
        except RegistrationError as error:
            reported = error.kind is FailureKind.NOT_FOUND

        assert reported, "the record is gone, and neither renew nor verify reports it"

    # --- failures ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("call", ["register", "renew", "verify", "deregister"])
    async def test_an_outage_is_an_error(self, registrar: Registrar, backend: Backend, call: str) -> None:
        """While the registry is away every call raises RegistrationError, and none reports a success."""
        self.needs("stop", *(["lease"] if call == "renew" else []))
        await registrar.register(NODE)
        await backend.stop()

        with pytest.raises(RegistrationError) as caught:
            await asyncio.wait_for(_call(registrar, call), self.timeout + _GRACE)

        assert caught.value.kind not in (FailureKind.PLUGIN_BUG, FailureKind.NOT_FOUND)
        assert str(caught.value), "the error needs a message that people can act on"

    async def test_it_works_again_after_an_outage(self, registrar: Registrar, backend: Backend) -> None:
        """The same object registers once the registry is back; the host does not make a new one."""
        self.needs("stop")
        await backend.stop()
        with suppress(Exception):  # another test checks how it fails
            await asyncio.wait_for(registrar.register(NODE), self.timeout + _GRACE)

        await backend.start()
        await registrar.register(NODE)

        await self._expect_nodes(backend, "contract-1")

    async def test_a_cancelled_call_ends_at_once(self, registrar: Registrar, backend: Backend) -> None:
        """Past the deadline the host cancels the call, which must then end within a second."""
        self.needs("pause")
        async with paused(backend):
            call = asyncio.create_task(registrar.register(NODE))
            await asyncio.wait({call}, timeout=0.1)
            call.cancel()
            await asyncio.wait({call}, timeout=_GRACE)

            assert call.done(), f"register() still ran {_GRACE:g} s after it was cancelled"

    # --- manners -------------------------------------------------------------------------------------------

    async def test_closing_leaves_nothing(self, make: Callable[[], Registrar]) -> None:
        """No task and no socket outlives aclose."""

        async def live() -> None:
            registrar = make()
            await registrar.register(NODE)
            await asyncio.wait_for(registrar.aclose(), 2 * _GRACE)

        await assert_leaves_nothing(live)

    async def test_it_can_be_closed_unused(self, make: Callable[[], Registrar]) -> None:
        """A registrar that was never used can be closed: that is what a failing start-up does."""
        await asyncio.wait_for(make().aclose(), 2 * _GRACE)

    async def test_it_never_holds_the_event_loop(self, registrar: Registrar) -> None:
        """Everything else in the process goes on while it waits or computes."""
        longest = await longest_hold(lambda: registrar.register(NODE))

        assert longest < _LONG_HOLD, f"held the event loop for {longest * 1000:.0f} ms"

    async def test_no_secret_is_shown(
        self, registrar: Registrar, backend: Backend, log: RecordingLogger
    ) -> None:
        """A secret of the settings is in no log line, no error, and no repr."""
        await registrar.register(NODE)
        error: Exception | None = None
        if "stop" in self.capabilities:
            await backend.stop()
            try:
                await asyncio.wait_for(registrar.register(NODE), self.timeout + _GRACE)
            except Exception as raised:  # noqa: BLE001  whatever it is, it must show no secret
                error = raised

        self.assert_no_secret(log=log.events, registrar=registrar, error=error)

    async def _expect_address(self, backend: Backend, address: Address) -> None:
        """Wait until others see our node, alone, at this address."""
        await self._wait_for(
            backend, lambda seen: seen == {"contract-1": address}, f"contract-1 at {address}"
        )

    async def _expect_nodes(self, backend: Backend, *node_ids: str, within: float | None = None) -> None:
        """Wait until others see these nodes, wherever."""
        what = " and ".join(node_ids) or "no record"
        await self._wait_for(backend, lambda seen: seen.keys() == set(node_ids), what, within)

    async def _wait_for(
        self,
        backend: Backend,
        condition: Callable[[Mapping[str, Address]], bool],
        what: str,
        within: float | None = None,
    ) -> None:
        seen: Mapping[str, Address] = {}

        async def holds() -> bool:
            nonlocal seen
            seen = await backend.registered()
            return condition(seen)

        assert await eventually(holds, within or self.within), f"expected {what}, others see {dict(seen)}"


async def _call(registrar: Registrar, name: str) -> object:
    """Call a method by its name, for the tests that do so with each."""
    if name == "register":
        return await registrar.register(NODE)
    if name == "renew":
        return await registrar.renew()
    return await (registrar.verify() if name == "verify" else registrar.deregister())
