"""Names of Kubernetes Services."""

import pytest

from engram_discovery_dns.kubernetes import is_cluster_local


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("engram.default.svc.cluster.local", True),
        ("engram.default.svc.cluster.local.", True),
        ("_gossip._tcp.engram.default.svc.example.org", True),
        ("engram.default.svc", True),
        ("svc.example.org", False),
        ("engram.svc", False),
        ("svcs.default.engram.test", False),
        ("engram", False),
    ],
)
def test_cluster_local_names_are_recognised(name: str, local: bool) -> None:
    """``svc`` after Service and namespace, whatever the cluster's domain."""
    assert is_cluster_local(name) is local
