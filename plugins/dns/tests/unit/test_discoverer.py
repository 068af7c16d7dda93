"""What a round of discovery answers. The name servers are scripts on real sockets."""

from collections.abc import Sequence

import dns.message
import dns.rdatatype
import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery.types import Empty, Found
from engram_discovery_dns.wire import Rcode
from plugins.dns.tests.factories import Log, addresses, make_discoverer
from plugins.dns.tests.scripted import reply, serve

SERVICE = "_g._tcp.engram.test."


class Zone:
    """Answers from records in master file syntax; names in ``broken`` answer SERVFAIL, in ``silent`` not at all."""

    def __init__(self, *records: str, additional: Sequence[str] = ()) -> None:
        self.records = list(records)
        self.additional = list(additional)
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.asked: list[str] = []

    def __call__(self, query: dns.message.Message) -> Sequence[bytes]:
        name, kind = query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append(f"{kind} {name}")
        if name in self.silent:
            return []
        if name in self.broken or f"{kind} {name}" in self.broken:
            return [reply(query, rcode=Rcode.SERVFAIL)]
        of_name = [record for record in self.records if record.startswith(f"{name} ")]
        matching = [record for record in of_name if record.split()[3] == kind]
        rcode = Rcode.NOERROR if of_name else Rcode.NXDOMAIN
        return [reply(query, *matching, additional=self.additional, rcode=rcode)]


def srv(target: str, *, ttl: int = 5) -> str:
    return f"{SERVICE} {ttl} IN SRV 0 0 7946 {target}"


def three_nodes() -> Zone:
    targets = [f"n{i}.engram.test." for i in (1, 2, 3)]
    return Zone(*map(srv, targets), *(f"{name} 9 IN A 10.0.0.{i}" for i, name in enumerate(targets, 1)))


async def test_targets_are_looked_up() -> None:
    """Each target becomes an endpoint that says where it comes from; the smallest TTL is the answer's."""
    async with serve(three_nodes()) as server:
        answer = await make_discoverer(server, service=SERVICE).discover()

    assert isinstance(answer, Found)
    assert sorted(addresses(answer)) == ["10.0.0.1:7946", "10.0.0.2:7946", "10.0.0.3:7946"]
    assert answer.complete
    assert answer.ttl == 5
    assert answer.detail == f"SRV _g._tcp.engram.test from {server}"
    assert {endpoint.meta["target"] for endpoint in answer.endpoints} == {
        f"n{i}.engram.test" for i in (1, 2, 3)
    }


async def test_addresses_that_come_along_are_not_asked_for() -> None:
    """With every target in the additional section, one question is all."""
    zone = Zone(srv("n1.engram.test."), additional=["n1.engram.test. 3 IN AAAA fd00::1"])
    async with serve(zone) as server:
        answer = await make_discoverer(server, service=SERVICE).discover()

    assert addresses(answer) == ["[fd00::1]:7946"]
    assert zone.asked == [f"SRV {SERVICE}"]
    assert answer.ttl == 3


async def test_only_missing_targets_are_asked_for() -> None:
    """A server may leave out some of the additional addresses."""
    zone = three_nodes()
    zone.additional = ["n1.engram.test. 3 IN A 10.0.0.1", "n2.engram.test. 3 IN A 10.0.0.2"]
    async with serve(zone) as server:
        answer = await make_discoverer(server, service=SERVICE).discover()

    assert len(addresses(answer)) == 3
    assert sorted(zone.asked[1:]) == ["A n3.engram.test.", "AAAA n3.engram.test."]


async def test_a_target_that_fails_keeps_its_last_address() -> None:
    """The answer is then not complete, and says so once; with the target back it is whole again."""
    zone, log = three_nodes(), Log()
    async with serve(zone) as server:
        discoverer = make_discoverer(server, service=SERVICE, log=log)
        await discoverer.discover()
        zone.broken = {"n2.engram.test."}
        partial = [await discoverer.discover() for _ in range(3)][-1]
        zone.broken = set()
        whole = await discoverer.discover()

    assert isinstance(partial, Found)
    assert isinstance(whole, Found)
    assert "10.0.0.2:7946" in addresses(partial)
    assert not partial.complete
    assert whole.complete
    assert log.events == ["dns.partial"]


async def test_a_target_that_failed_from_the_start_is_missing() -> None:
    """Nothing is invented for it."""
    zone = three_nodes()
    zone.broken = {"n2.engram.test."}
    async with serve(zone) as server:
        answer = await make_discoverer(server, service=SERVICE).discover()

    assert isinstance(answer, Found)
    assert sorted(addresses(answer)) == ["10.0.0.1:7946", "10.0.0.3:7946"]
    assert not answer.complete


def many_nodes(count: int) -> Zone:
    targets = [f"n{i}.engram.test." for i in range(count)]
    return Zone(*map(srv, targets), *(f"{name} 9 IN A 10.0.1.{i}" for i, name in enumerate(targets)))


async def test_one_silent_target_does_not_hold_up_the_others() -> None:
    """More targets than are asked at once: all but the silent one are found within the deadline."""
    zone = many_nodes(60)
    zone.silent = {"n3.engram.test."}
    async with serve(zone) as server:
        answer = await make_discoverer(server, service=SERVICE, timeout=5).discover()

    assert isinstance(answer, Found)
    assert len(answer.endpoints) == 59
    assert not answer.complete


async def test_a_silent_server_costs_many_targets_one_try() -> None:
    """The other server answers for all of them, and the answer is whole."""
    async with serve(lambda query: []) as silent, serve(many_nodes(60)) as server:
        answer = await make_discoverer(silent, server, service=SERVICE, patience=0.5).discover()

    assert isinstance(answer, Found)
    assert len(answer.endpoints) == 60
    assert answer.complete


async def test_partial_answers_can_be_refused() -> None:
    """With ``partial = "fail"`` one failed target fails the round."""
    zone = three_nodes()
    zone.broken = {"n2.engram.test."}
    async with serve(zone) as server:
        with pytest.raises(DiscoveryError, match="SERVFAIL"):
            await make_discoverer(server, service=SERVICE, partial="fail").discover()


async def test_a_target_that_does_not_exist_is_dropped() -> None:
    """NXDOMAIN is an authoritative no: the address is not kept, the answer is complete."""
    zone = three_nodes()
    async with serve(zone) as server:
        discoverer = make_discoverer(server, service=SERVICE)
        await discoverer.discover()
        zone.records = [record for record in zone.records if not record.startswith("n2.")]
        answer = await discoverer.discover()

    assert isinstance(answer, Found)
    assert sorted(addresses(answer)) == ["10.0.0.1:7946", "10.0.0.3:7946"]
    assert answer.complete


async def test_if_no_target_can_be_looked_up_the_round_fails() -> None:
    """Remembered addresses alone are no answer: the host shows the source as failed and keeps its peers."""
    zone = three_nodes()
    async with serve(zone) as server:
        discoverer = make_discoverer(server, service=SERVICE)
        await discoverer.discover()
        zone.broken = {f"n{i}.engram.test." for i in (1, 2, 3)}
        with pytest.raises(DiscoveryError) as caught:
            await discoverer.discover()

    assert caught.value.kind is FailureKind.DNS_FAILURE


async def test_targets_without_any_address_are_empty() -> None:
    """All targets exist no more: nobody is there."""
    async with serve(Zone(srv("n1.engram.test."))) as server:
        answer = await make_discoverer(server, service=SERVICE).discover()

    assert isinstance(answer, Empty)
    assert "no target of SRV" in answer.reason


DUAL = [
    srv("n1.engram.test."),
    srv("n2.engram.test."),
    "n1.engram.test. 5 IN A 10.0.0.1",
    "n1.engram.test. 5 IN AAAA fd00::1",
    "n2.engram.test. 5 IN AAAA fd00::2",
]


@pytest.mark.parametrize(
    ("family", "hosts"),
    [
        ("any", {"10.0.0.1", "fd00::1", "fd00::2"}),
        ("v4", {"10.0.0.1"}),
        ("v6", {"fd00::1", "fd00::2"}),
        ("prefer_v4", {"10.0.0.1", "fd00::2"}),
        ("prefer_v6", {"fd00::1", "fd00::2"}),
    ],
)
@pytest.mark.parametrize("stripped", [False, True])
async def test_the_family_decides_which_addresses_are_used(
    family: str, hosts: set[str], stripped: bool
) -> None:
    """The same with and without an additional section."""
    zone = Zone(*DUAL, additional=[] if stripped else DUAL[2:])
    async with serve(zone) as server:
        answer = await make_discoverer(server, service=SERVICE, family=family).discover()

    assert isinstance(answer, Found)
    assert {endpoint.host for endpoint in answer.endpoints} == hosts


async def test_targets_can_be_handed_on_as_names() -> None:
    """``dnssrvnoa+`` looks up no address."""
    zone = three_nodes()
    async with serve(zone) as server:
        answer = await make_discoverer(server, service=f"dnssrvnoa+{SERVICE}").discover()

    assert sorted(addresses(answer)) == [f"n{i}.engram.test:7946" for i in (1, 2, 3)]
    assert zone.asked == [f"SRV {SERVICE}"]


async def test_without_srv_addresses_are_taken() -> None:
    """A bare name that has only A and AAAA records is used with the port of the settings."""
    zone = Zone("engram.test. 7 IN A 10.0.0.1", "engram.test. 8 IN AAAA fd00::1")
    async with serve(zone) as server:
        answer = await make_discoverer(server, service="engram.test.", port=9000).discover()

    assert addresses(answer) == ["10.0.0.1:9000", "[fd00::1]:9000"]
    assert answer.ttl == 7
    assert zone.asked[0] == "SRV engram.test."


async def test_one_family_that_fails_makes_the_answer_partial() -> None:
    """A with addresses and AAAA with SERVFAIL is not the whole truth; alone it is a failure."""
    zone = Zone("engram.test. 7 IN A 10.0.0.1")
    zone.broken = {"AAAA engram.test."}
    async with serve(zone) as server:
        answer = await make_discoverer(server, service="dns+engram.test.").discover()
        zone.records = ["engram.test. 7 IN TXT x"]
        with pytest.raises(DiscoveryError):
            await make_discoverer(server, service="dns+engram.test.").discover()

    assert isinstance(answer, Found)
    assert not answer.complete


@pytest.mark.parametrize(("ttl", "expected"), [(0, 1.0), (5, 5.0), (86_400, 30.0), (2**31 - 1, 30.0)])
async def test_the_ttl_is_kept_within_bounds(ttl: int, expected: float) -> None:
    """At least a second, so that nobody is flooded; at most the refresh interval."""
    zone = Zone(srv("n1.engram.test.", ttl=ttl), additional=["n1.engram.test. 2147483647 IN A 10.0.0.1"])
    async with serve(zone) as server:
        answer = await make_discoverer(server, service=SERVICE).discover()

    assert answer.ttl == expected


async def test_addresses_outside_the_allowed_networks_are_dropped() -> None:
    """And if that leaves nobody, the round fails: a poisoned answer does not empty the list."""
    zone = three_nodes()
    async with serve(zone) as server:
        some = await make_discoverer(server, service=SERVICE, allowed_cidrs="10.0.0.2/31").discover()
        with pytest.raises(DiscoveryError, match="allowed_cidrs") as caught:
            await make_discoverer(server, service=SERVICE, allowed_cidrs="192.0.2.0/24").discover()

    assert sorted(addresses(some)) == ["10.0.0.2:7946", "10.0.0.3:7946"]
    assert caught.value.kind is FailureKind.BAD_DATA


async def test_several_ports_of_which_none_is_ours_are_warned_of_once() -> None:
    """The warning names the ports and the settings that choose."""
    log = Log()
    ports = [f"{SERVICE} 5 IN SRV 0 0 {port} n1.engram.test." for port in (1, 2)]
    async with serve(Zone(*ports, additional=["n1.engram.test. 5 IN A 10.0.0.1"])) as server:
        discoverer = make_discoverer(server, service=SERVICE, log=log)
        for _ in range(3):
            await discoverer.discover()

    assert [(event, facts["ports"]) for event, facts in log.warnings] == [("dns.ambiguous_ports", [1, 2])]


@pytest.mark.parametrize("host", ["127.0.0.1", None])
async def test_the_readiness_deadlock_is_named(host: str | None) -> None:
    """A cluster-local name that has no addresses, or only those of this host: the remedy is logged once."""
    name, log = "engram.default.svc.cluster.local.", Log()
    zone = Zone(*([f"{name} 5 IN A {host}"] if host else []))
    async with serve(zone) as server:
        discoverer = make_discoverer(server, service=name, log=log)
        answers = [await discoverer.discover() for _ in range(2)]

    assert log.events == ["dns.readiness_deadlock"]
    assert "publishNotReadyAddresses: true" in log.warnings[0][1]["remedy"]
    if isinstance(answers[0], Empty):
        assert "publishNotReadyAddresses" in answers[0].reason


async def test_other_names_are_not_kubernetes() -> None:
    """No advice about Kubernetes where there is none, nor where others are listed."""
    log = Log()
    async with serve(Zone("engram.default.svc.cluster.local. 5 IN A 192.0.2.1")) as server:
        await make_discoverer(server, service="engram.test.", log=log).discover()
        await make_discoverer(server, service="engram.default.svc.cluster.local.", log=log).discover()

    assert log.events == []
