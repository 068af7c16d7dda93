"""The resolver configuration of the machine."""

from pathlib import Path

import pytest

from engram_discovery.errors import DiscoveryError, FailureKind
from engram_discovery_dns.resolv_conf import ResolvConf, ResolverConfiguration
from engram_discovery_dns.wire import to_text


@pytest.mark.parametrize(
    ("name", "ndots", "tried"),
    [
        ("engram", 1, ["engram.a.test", "engram.b", "engram"]),
        ("engram.default", 1, ["engram.default", "engram.default.a.test", "engram.default.b"]),
        (
            "engram.default.svc",
            5,
            ["engram.default.svc.a.test", "engram.default.svc.b", "engram.default.svc"],
        ),
        ("engram.", 5, ["engram"]),
    ],
)
def test_names_are_completed_as_the_system_does(name: str, ndots: int, tried: list[str]) -> None:
    """Fewer dots than ndots: the search list first; a trailing dot: no search list."""
    configuration = ResolverConfiguration((), search=("a.test", "b"), ndots=ndots)

    assert [to_text(variant) for variant in configuration.variants(name)] == tried


def test_the_file_is_read_and_read_again_when_it_changes(tmp_path: Path) -> None:
    """All servers count, also a fourth; a change is seen at the next look."""
    path = tmp_path / "resolv.conf"
    path.write_text(
        "".join(f"nameserver 192.0.2.{i}\n" for i in range(1, 5)) + "options ndots:5 timeout:30\n"
    )
    source = ResolvConf(path=path)

    before = source.current()
    path.write_text("nameserver 192.0.2.9\nsearch default.svc.cluster.local\n")
    after = source.current()

    assert [server.host for server in before.nameservers] == [f"192.0.2.{i}" for i in range(1, 5)]
    assert (before.ndots, before.timeout) == (5, 1.0)
    assert [server.host for server in after.nameservers] == ["192.0.2.9"]
    assert after.search == ("default.svc.cluster.local",)


@pytest.mark.parametrize("text", [None, "", "search a.test\n"])
def test_a_file_without_servers_is_a_fault_of_the_configuration(tmp_path: Path, text: str | None) -> None:
    """Vanished, empty or without name servers: a failure that says what to set, and it can recover."""
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.1\n")
    source = ResolvConf(path=path)
    source.current()
    path.unlink()
    if text is not None:
        path.write_text(text)

    with pytest.raises(DiscoveryError, match=r"cluster\.dns\.nameservers") as caught:
        source.current()

    assert caught.value.kind is FailureKind.CONFIG
    path.write_text("nameserver 192.0.2.2\n")
    assert source.current().nameservers[0].host == "192.0.2.2"
