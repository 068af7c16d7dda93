"""The embedded engine keeps every promise of a membership engine, with real sockets."""

from __future__ import annotations

from engram_discovery.testing.contracts import MembershipContract


class TestKinship(MembershipContract):
    engine = "kinship"
