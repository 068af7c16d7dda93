"""What every health check promises."""
# ruff: noqa: S101  a contract suite asserts

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import pytest

from engram_discovery.testing.contracts.observing import assert_leaves_nothing, longest_hold
from engram_discovery.testing.contracts.provider import ProviderContract, paused
from engram_discovery.types import CheckResult, CheckStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram_discovery.hookspecs import PluginContext
    from engram_discovery.host import PluginHost
    from engram_discovery.protocols import HealthCheck
    from engram_discovery.testing.contracts.backend import Backend
    from engram_discovery.testing.log import RecordingLogger

__all__ = ["HealthCheckContract"]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
_GRACE = 1.0
_LONG_HOLD = 0.25


class HealthCheckContract(ProviderContract):
    """The promises of ``engram_discovery.protocols.HealthCheck``, for each check that the provider makes.

    Capabilities: ``stop``, ``pause``.
    """

    pytestmark = pytest.mark.asyncio(loop_scope="function")

    _known: ClassVar[frozenset[str]] = frozenset({"stop", "pause"})

    @pytest.fixture
    def make(
        self, host: PluginHost, context: PluginContext, backend: Backend
    ) -> Callable[[], tuple[HealthCheck, ...]]:
        """Make the checks."""

        def make() -> tuple[HealthCheck, ...]:
            checks = host.create_health_checks(self.provider, self.table(host, backend), context)
            assert checks, f'"{self.provider}" makes no health check'
            return checks

        return make

    @pytest.fixture
    def checks(self, make: Callable[[], tuple[HealthCheck, ...]]) -> tuple[HealthCheck, ...]:
        """The checks of one node."""
        return make()

    async def test_names_are_constant(self, make: Callable[[], tuple[HealthCheck, ...]]) -> None:
        """A name is short, plain and always the same: it becomes the label of a metric, so it is never an address."""
        first, second = ([check.name for check in make()] for _ in range(2))

        assert first == second
        assert len(set(first)) == len(first), f"two checks have one name: {first}"
        assert all(_NAME.match(name) for name in first), f"a name is like consul or dns_tcp, got {first}"

    async def test_it_passes_without_a_fault(self, checks: tuple[HealthCheck, ...]) -> None:
        """With the server running, each check answers passing."""
        for check in checks:
            result = await asyncio.wait_for(check.check(), self.timeout + _GRACE)

            assert isinstance(result, CheckResult), f"expected a CheckResult, got {result}"
            assert result.status is CheckStatus.PASSING, f"{check.name}: {result.output}"

    async def test_it_can_be_asked_again(self, checks: tuple[HealthCheck, ...]) -> None:
        """A check is run every few seconds, as long as the node lives: it answers each time."""
        for check in checks:
            first = await asyncio.wait_for(check.check(), self.timeout + _GRACE)
            second = await asyncio.wait_for(check.check(), self.timeout + _GRACE)

            assert second.status is first.status, f"{check.name}: {first.output}, and then: {second.output}"

    async def test_an_outage_does_not_pass(self, checks: tuple[HealthCheck, ...], backend: Backend) -> None:
        """With the server stopped, no check passes; at least one is critical, or raises, which counts so."""
        self.needs("stop")
        await backend.stop()

        statuses = [await self._status(check) for check in checks]

        assert CheckStatus.PASSING not in statuses, "the server is stopped, and the check passes"
        assert CheckStatus.CRITICAL in statuses, f"the server is stopped, and the checks say {statuses}"

    async def test_silence_does_not_pass(self, checks: tuple[HealthCheck, ...], backend: Backend) -> None:
        """With the server frozen, no check passes within its deadline."""
        self.needs("pause")
        async with paused(backend):
            statuses = [await self._status(check) for check in checks]

        assert CheckStatus.PASSING not in statuses, "the server is frozen, and the check passes"

    async def test_a_cancelled_check_ends_at_once(
        self, checks: tuple[HealthCheck, ...], backend: Backend
    ) -> None:
        """Past the deadline the host cancels the check, which must then end within a second."""
        self.needs("pause")
        async with paused(backend):
            for check in checks:
                call = asyncio.create_task(check.check())
                await asyncio.wait({call}, timeout=0.1)
                call.cancel()
                await asyncio.wait({call}, timeout=_GRACE)

                assert call.done(), f"{check.name} still ran {_GRACE:g} s after it was cancelled"

    async def test_details_are_json(self, checks: tuple[HealthCheck, ...]) -> None:
        """The figures of a result can be shown by ``/cluster/health``, and its text is one line."""
        for check in checks:
            result = await check.check()

            json.dumps(dict(result.details), allow_nan=False)
            assert "\n" not in result.output, f"{check.name}: the output is one line for people"

    async def test_checking_leaves_nothing(self, make: Callable[[], tuple[HealthCheck, ...]]) -> None:
        """A check has no aclose: it closes what it opens within each check."""

        async def live() -> None:
            for check in make():
                await check.check()

        await assert_leaves_nothing(live)

    async def test_it_never_holds_the_event_loop(self, checks: tuple[HealthCheck, ...]) -> None:
        """Everything else in the process goes on while it waits or computes."""
        for check in checks:
            longest = await longest_hold(check.check)

            assert longest < _LONG_HOLD, f"{check.name} held the event loop for {longest * 1000:.0f} ms"

    async def test_no_secret_is_shown(
        self, checks: tuple[HealthCheck, ...], backend: Backend, log: RecordingLogger
    ) -> None:
        """A secret of the settings is in no result, no log line, no error, and no repr."""
        seen: list[object] = [await check.check() for check in checks]
        if "stop" in self.capabilities:
            await backend.stop()
            for check in checks:
                with suppress(TimeoutError):
                    seen += await asyncio.gather(
                        asyncio.wait_for(check.check(), self.timeout + _GRACE), return_exceptions=True
                    )

        self.assert_no_secret(log=log.events, checks=checks, results=seen)

    async def _status(self, check: HealthCheck) -> CheckStatus:
        """Check once as the host does: any exception counts as critical."""
        try:
            return (await asyncio.wait_for(check.check(), self.timeout)).status
        except Exception:  # noqa: BLE001  any exception counts as critical, by the protocol
            return CheckStatus.CRITICAL
