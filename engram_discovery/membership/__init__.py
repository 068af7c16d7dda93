"""Membership: the embedded gossip engine, and what every engine shares.

Called by: the plugin host makes an engine; ``node.startup`` starts it; all rooms above read its members.
In: a ``MembershipConfig``, endpoints to join.
Out: ``Member`` values, ``MembershipEvent`` subscriptions, ``MemberCounts``.

    kinship (Rust thread) ──events──> MemberTable ──> members() ──> counts.MemberCounts
                                          └──> Subscriptions ──> events()
"""
