"""Health checks that each break one promise, by the test of ``HealthCheckContract`` that must catch it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from engram_discovery.testing.contracts import HealthCheckContract
from engram_discovery.types import CheckResult, CheckStatus
from tests.kit.broken.memory import MemoryCheck, plugin_of, suites


class NamedByAddress(MemoryCheck):
    name = "127.0.0.1:8500"


class NamedAnew(MemoryCheck):
    @property
    def name(self) -> str:  # type: ignore[override]
        return f"memory{id(self)}"


class OnlyWarns(MemoryCheck):
    async def check(self) -> Any:
        result = await super().check()
        return replace(result, status=CheckStatus.WARNING) if self.server.running else result


class AnswersOnce(MemoryCheck):
    looked = False

    async def check(self) -> Any:
        again, self.looked = self.looked, True
        result = await super().check()
        return replace(result, status=CheckStatus.CRITICAL) if again else result


class PassesInAnOutage(MemoryCheck):
    async def check(self) -> Any:
        return replace(await super().check(), status=CheckStatus.PASSING)


class WarnsOfAnOutage(MemoryCheck):
    async def check(self) -> Any:
        result = await super().check()
        return result if self.server.running else replace(result, status=CheckStatus.WARNING)


class PassesInSilence(MemoryCheck):
    async def check(self) -> Any:
        try:
            return await asyncio.wait_for(super().check(), 0.5)
        except TimeoutError:
            return CheckResult(CheckStatus.PASSING, "as before")


class EndsLate(MemoryCheck):
    async def check(self) -> Any:
        try:
            return await super().check()
        except asyncio.CancelledError:
            await asyncio.sleep(1.5)
            raise


class TellsObjects(MemoryCheck):
    async def check(self) -> Any:
        return replace(await super().check(), details={"server": self.server})


class TellsAStory(MemoryCheck):
    async def check(self) -> Any:
        return replace(await super().check(), output="line one\nline two")


class LeavesATask(MemoryCheck):
    async def check(self) -> Any:
        self.leak()
        return await super().check()


class HoldsTheLoop(MemoryCheck):
    async def check(self) -> Any:
        if len(asyncio.all_tasks()) > 1:  # somebody is there to be held up
            time.sleep(0.3)  # noqa: ASYNC251  blocking on purpose
        return await super().check()


class TellsItsSecret(MemoryCheck):
    async def check(self) -> Any:
        return replace(await super().check(), output=f"as {self.settings.token.get_secret_value()}")


FAULTS: dict[str, tuple[type[MemoryCheck], str]] = {
    fault.__name__: (fault, test)
    for fault, test in (
        (NamedByAddress, "test_names_are_constant"),
        (NamedAnew, "test_names_are_constant"),
        (OnlyWarns, "test_it_passes_without_a_fault"),
        (AnswersOnce, "test_it_can_be_asked_again"),
        (PassesInAnOutage, "test_an_outage_does_not_pass"),
        (WarnsOfAnOutage, "test_an_outage_does_not_pass"),
        (PassesInSilence, "test_silence_does_not_pass"),
        (EndsLate, "test_a_cancelled_check_ends_at_once"),
        (TellsObjects, "test_details_are_json"),
        (TellsAStory, "test_details_are_json"),
        (LeavesATask, "test_checking_leaves_nothing"),
        (HoldsTheLoop, "test_it_never_holds_the_event_loop"),
        (TellsItsSecret, "test_no_secret_is_shown"),
    )
}


def _told(check: type[MemoryCheck]) -> dict[str, Any]:
    plugin = plugin_of(health_checks=lambda settings, context: [check(settings, context)])
    return {"plugin": plugin, "capabilities": frozenset({"stop", "pause"}), "timeout": 1.0}


globals().update(suites(HealthCheckContract, _told, FAULTS, MemoryCheck))
