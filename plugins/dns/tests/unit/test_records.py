"""Which SRV records are used, and in which order."""

from collections import Counter

from engram_discovery_dns.records import select
from engram_discovery_dns.wire import ROOT, SrvRecord, from_text


def srv(target: str, port: int = 7946, priority: int = 0, weight: int = 0) -> SrvRecord:
    return SrvRecord(priority, weight, port, from_text(target))


def test_lower_priorities_come_first() -> None:
    """Every record of a priority stands before those of higher ones, and none is lost."""
    records = [srv(f"n{i}", priority=(i % 3) * 10) for i in range(30)]

    for _ in range(100):
        chosen = select(records, 7946).records
        assert [record.priority for record in chosen] == [0] * 10 + [10] * 10 + [20] * 10
        assert set(chosen) == set(records)


def test_weights_are_shares() -> None:
    """Over 10,000 draws the first place goes to each record by its weight, within 3 %."""
    records = [srv("a", weight=10), srv("b", weight=30), srv("c", weight=60)]

    firsts = Counter(select(records, 7946).records[0].weight for _ in range(10_000))

    for weight in (10, 30, 60):
        assert abs(firsts[weight] / 10_000 - weight / 100) < 0.03


def test_of_several_ports_the_wanted_one_is_kept() -> None:
    """A two-port headless Service lists each pod twice; the port of the settings decides."""
    records = [srv(f"pod-{i}", port) for i in range(3) for port in (7946, 50051)]

    selection = select(records, 7946)

    assert {(record.target, record.port) for record in selection.records} == {
        (from_text(f"pod-{i}"), 7946) for i in range(3)
    }
    assert selection.ambiguous_ports == ()


def test_several_ports_of_which_none_is_wanted_are_ambiguous() -> None:
    """All are kept, and the ports are named."""
    selection = select([srv("pod-0", 1), srv("pod-0", 2)], 7946)

    assert len(selection.records) == 2
    assert selection.ambiguous_ports == (1, 2)


def test_one_port_for_each_target_is_taken_as_it_is() -> None:
    """Where every target has one port, it is that of the record, whatever the settings say."""
    selection = select([srv("a", 1), srv("b", 2)], 7946)

    assert {record.port for record in selection.records} == {1, 2}
    assert selection.ambiguous_ports == ()


def test_the_root_as_target_means_not_offered() -> None:
    """RFC 2782: the service is decidedly not available at this domain."""
    selection = select([SrvRecord(0, 0, 0, ROOT)], 7946)

    assert selection.records == ()
    assert not selection.offered


def test_records_without_port_are_left_out_and_counted() -> None:
    """Nothing can be contacted at port 0."""
    selection = select([srv("a", 0), srv("b")], 7946)

    assert [record.target for record in selection.records] == [from_text("b")]
    assert selection.without_port == 1
