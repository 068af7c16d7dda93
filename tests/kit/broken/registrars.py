"""Registrars that each break one promise, by the test of ``RegistrarContract`` that must catch it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engram_discovery.errors import FailureKind, RegistrationError
from engram_discovery.testing.contracts import RegistrarContract
from engram_discovery.types import Lease
from tests.kit.broken.memory import MemoryRegistrar, plugin_of, suites

if TYPE_CHECKING:
    from engram_discovery.types import NodeRecord


class RegistersTheApiAddress(MemoryRegistrar):
    def write(self, node: NodeRecord) -> Lease:
        known = node.identity.node_id in self.server.nodes
        return super().write(node if known else replace(node, addr=node.api_addr))


class RegistersTwice(MemoryRegistrar):
    async def register(self, node: NodeRecord) -> Any:
        twice = node == self.node
        lease = await super().register(node)
        if twice:
            self.server.nodes["contract-1 again"] = self.server.nodes["contract-1"]
        return lease


class KeepsTheOldAddress(MemoryRegistrar):
    def write(self, node: NodeRecord) -> Lease:
        known = self.server.nodes.get(node.identity.node_id)
        return super().write(replace(node, addr=known[0]) if known else node)


class CannotVerify(MemoryRegistrar):
    async def verify(self) -> bool:
        await self.ask()
        self.look()
        return False


class VerifiesFromMemory(MemoryRegistrar):
    async def verify(self) -> bool:
        await self.ask()
        self.look()
        return self.node is not None


class LeavesTheRecord(MemoryRegistrar):
    async def deregister(self) -> None:
        await self.ask()


class MissesTheRecord(MemoryRegistrar):
    async def deregister(self) -> None:
        await self.ask()
        if not await self.is_known():
            raise RegistrationError("no such record", kind=FailureKind.NOT_FOUND)
        await super().deregister()


class RemovesEverybody(MemoryRegistrar):
    async def deregister(self) -> None:
        await self.ask()
        self.look()
        self.server.nodes.clear()


class NeverLooksWhose(MemoryRegistrar):
    def look(self) -> None: ...


class RemovesTheNewer(MemoryRegistrar):
    async def deregister(self) -> None:
        await self.ask()
        if self.node is not None:
            await self.server.forget(self.node.identity.node_id)


class IsNeverDisturbed(MemoryRegistrar):
    async def wait_for_change(self) -> None:
        await asyncio.Event().wait()


class RenewsWithoutALease(MemoryRegistrar):
    async def renew(self) -> Any:
        await super().renew()


class GrantsForEver(MemoryRegistrar):
    async def renew(self) -> Any:
        await super().renew()
        return Lease(None)


class RenewsByItself(MemoryRegistrar):
    async def register(self, node: NodeRecord) -> Any:
        lease = await super().register(node)
        self.tasks.append(asyncio.create_task(self.keep()))
        return lease

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self.renew()

    async def aclose(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class RenewsNothing(MemoryRegistrar):
    async def renew(self) -> Any:
        await self.ask()
        if not self.server.nodes:
            raise RegistrationError("no such record", kind=FailureKind.NOT_FOUND)
        return Lease(3.0)


class CallsALossAnOutage(MemoryRegistrar):
    async def renew(self) -> Any:
        try:
            return await super().renew()
        except RegistrationError as error:
            kind = FailureKind.UNAVAILABLE if error.kind is FailureKind.NOT_FOUND else error.kind
            raise RegistrationError("cannot renew", kind=kind) from error


class VerifiesNothingInAnOutage(MemoryRegistrar):
    async def verify(self) -> bool:
        try:
            return await super().verify()
        except RegistrationError as error:
            if error.kind is FailureKind.REFUSED:
                return False
            raise


class OutageInItsOwnWords(MemoryRegistrar):
    async def deregister(self) -> None:
        try:
            await super().deregister()
        except RegistrationError as error:
            if error.kind is FailureKind.REFUSED:
                raise ConnectionRefusedError("nobody listens") from error
            raise


class NeverRecovers(MemoryRegistrar):
    broken = False

    async def ask(self) -> None:
        try:
            await super().ask()
        except RegistrationError:
            self.broken = True
            raise
        if self.broken:
            raise RegistrationError("broken", kind=FailureKind.REFUSED)


class EndsLate(MemoryRegistrar):
    async def register(self, node: NodeRecord) -> Any:
        try:
            return await super().register(node)
        except asyncio.CancelledError:
            await asyncio.sleep(1.5)
            raise


class LeavesATask(MemoryRegistrar):
    async def register(self, node: NodeRecord) -> Any:
        self.leak()
        return await super().register(node)


class CannotBeClosedUnused(MemoryRegistrar):
    session: Any = None

    async def ask(self) -> None:
        self.session = []
        await super().ask()

    async def aclose(self) -> None:
        self.session.clear()


class HoldsTheLoop(MemoryRegistrar):
    async def register(self, node: NodeRecord) -> Any:
        if len(asyncio.all_tasks()) > 1:  # somebody is there to be held up
            time.sleep(0.3)  # noqa: ASYNC251  blocking on purpose
        return await super().register(node)


class LogsItsSecret(MemoryRegistrar):
    async def register(self, node: NodeRecord) -> Any:
        self.log.debug("registering", token=self.settings.token.get_secret_value())
        return await super().register(node)


FAULTS: dict[str, tuple[type[MemoryRegistrar], str]] = {
    fault.__name__: (fault, test)
    for fault, test in (
        (RegistersTheApiAddress, "test_a_registered_node_is_seen_by_others"),
        (RegistersTwice, "test_registering_again_changes_nothing"),
        (KeepsTheOldAddress, "test_registering_again_replaces_the_address"),
        (CannotVerify, "test_verify_sees_the_record"),
        (VerifiesFromMemory, "test_verify_sees_that_the_record_is_gone"),
        (LeavesTheRecord, "test_deregister_removes_the_record"),
        (MissesTheRecord, "test_deregister_without_a_record_succeeds"),
        (RemovesEverybody, "test_nodes_do_not_disturb_each_other"),
        (NeverLooksWhose, "test_a_newer_run_is_kept"),
        (RemovesTheNewer, "test_a_newer_run_is_kept"),
        (IsNeverDisturbed, "test_a_lost_record_is_reported"),
        (RenewsWithoutALease, "test_a_lease_has_the_granted_ttl"),
        (GrantsForEver, "test_a_lease_has_the_granted_ttl"),
        (RenewsByItself, "test_a_record_expires_unless_it_is_renewed"),
        (RenewsNothing, "test_a_renewed_record_stays"),
        (CallsALossAnOutage, "test_renewing_does_not_hide_a_loss"),
        (VerifiesNothingInAnOutage, "test_an_outage_is_an_error"),
        (OutageInItsOwnWords, "test_an_outage_is_an_error"),
        (NeverRecovers, "test_it_works_again_after_an_outage"),
        (EndsLate, "test_a_cancelled_call_ends_at_once"),
        (LeavesATask, "test_closing_leaves_nothing"),
        (CannotBeClosedUnused, "test_it_can_be_closed_unused"),
        (HoldsTheLoop, "test_it_never_holds_the_event_loop"),
        (LogsItsSecret, "test_no_secret_is_shown"),
    )
}


def _told(registrar: type[MemoryRegistrar]) -> dict[str, Any]:
    can = frozenset({"lease", "watch", "replace", "forget", "stop", "pause"})
    return {"plugin": plugin_of(registrar=registrar), "capabilities": can, "timeout": 1.0}


globals().update(suites(RegistrarContract, _told, FAULTS, MemoryRegistrar))
