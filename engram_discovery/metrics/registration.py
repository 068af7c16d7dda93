"""Our records in registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram_discovery.metrics.family import counter, gauge
from engram_discovery.registration.registration import RegistrationState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from engram_discovery.node.node import Distributed

__all__ = ["FAMILIES", "collect"]

STATE = gauge(
    "engram_registration_state",
    "1 for the state that our record has, else 0: pending, unverified, registered, lost, superseded, draining.",
    "provider",
    "state",
)
AGE = gauge("engram_registration_state_age_seconds", "Seconds for which it has had that state.", "provider")
RENEWALS = counter("engram_registration_renewals_total", "Renewals of the lease.", "provider")
REPAIRS = counter(
    "engram_registration_repairs_total",
    "How often a lost record was made again, by reason.",
    "provider",
    "reason",
)
LEASE = gauge(
    "engram_registration_lease_seconds",
    "Seconds until the registry drops the record unless it is renewed; absent where there is no lease.",
    "provider",
)
FAILURES = counter(
    "engram_registration_failures_total",
    "Tries to make, renew or read our record that failed, by kind of error.",
    "provider",
    "reason",
)
FAMILIES = (STATE, AGE, RENEWALS, REPAIRS, FAILURES, LEASE)


def collect(context: Distributed) -> Iterator[Metric]:
    """Yield the metrics of all registrations."""
    ours = context.registrations
    yield STATE.series({(r.provider, s.value): r.state is s for r in ours for s in RegistrationState})
    yield AGE.series({(r.provider,): r.age for r in ours})
    yield RENEWALS.series({(r.provider,): r.renewals for r in ours})
    yield REPAIRS.series({(r.provider, reason): n for r in ours for reason, n in dict(r.repairs).items()})
    yield FAILURES.series({(r.provider, kind): n for r in ours for kind, n in dict(r.failures).items()})
    yield LEASE.series({(r.provider,): r.lease_left for r in ours if r.lease_left is not None})
