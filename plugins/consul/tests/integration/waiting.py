"""Waits for what the host's loops make of a provider."""

from __future__ import annotations

from engram_discovery.registration.registration import Registration, RegistrationState
from engram_discovery.sources.source import Source
from engram_discovery.sources.status import Outcome
from tests.servers.process import wait_until


async def until_state(registration: Registration, state: RegistrationState, within: float = 20) -> None:
    async def reached() -> bool:
        return registration.state is state

    await wait_until(reached, within=within, what=f"the registration is {state}")


async def until_outcome(source: Source, outcome: Outcome, within: float = 20) -> None:
    async def reached() -> bool:
        return source.status().outcome is outcome

    await wait_until(reached, within=within, what=f"the source is {outcome}")
