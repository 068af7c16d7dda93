"""Metrics of registrations, as a scrape shows them."""

from __future__ import annotations

from random import Random
from typing import Any, cast

from prometheus_client import CollectorRegistry, generate_latest

from engram_discovery.address import Address
from engram_discovery.errors import FailureKind, RegistrationError
from engram_discovery.log import get_logger
from engram_discovery.metrics import RegistrationCollector
from engram_discovery.registration import Registration
from engram_discovery.testing import FakeClock
from engram_discovery.types import Lease, NodeIdentity, NodeRecord


class Forgetful:
    """A registrar whose registry fails, then loses the record once."""

    def __init__(self) -> None:
        self.shows = [True, False, True, True, True]
        self.fails = 2

    async def register(self, node: NodeRecord) -> Lease:
        if self.fails:
            self.fails -= 1
            raise RegistrationError("away", kind=FailureKind.REFUSED)
        return Lease(30)

    async def renew(self) -> Lease:
        return Lease(30)

    async def verify(self) -> bool:
        return self.shows.pop(0)

    async def deregister(self) -> None:
        return

    aclose = deregister


async def test_a_scrape_tells_state_renewals_repairs_and_failures() -> None:
    """Labels are provider, state and reason: no address and no node id, whatever happens."""
    clock = FakeClock()
    node = NodeRecord(
        identity=NodeIdentity(node_id="secret-node", generation=1, cluster="c"),
        addr=Address("192.0.2.1", 7946),
        api_addr=Address("192.0.2.1", 50051),
    )
    registration = Registration(
        "consul", cast(Any, Forgetful()), node, clock=clock, random=Random(1), logger=get_logger("test")
    )
    registry = CollectorRegistry()
    registry.register(RegistrationCollector([registration]))

    registration.start()
    await clock.advance(25)
    text = generate_latest(registry).decode()
    await registration.aclose()

    assert 'engram_registration_state{provider="consul",state="registered"} 1.0' in text
    assert 'engram_registration_state{provider="consul",state="lost"} 0.0' in text
    assert 'engram_registration_repairs_total{provider="consul",reason="lost"} 1.0' in text
    assert 'engram_registration_failures_total{provider="consul",reason="refused"} 2.0' in text
    assert 'engram_registration_renewals_total{provider="consul"} 2.0' in text
    assert "192.0.2.1" not in text
    assert "secret-node" not in text
