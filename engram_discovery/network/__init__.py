"""Network: addresses as text and values, name resolution, TCP probes.

Called by: types, settings, sources, membership, node, and plugins through ``provider``.
In: ``host:port`` text, host names. Out: ``Address`` values, ``ResolutionError``, ``ProbeFailure``.

    text ──parse_address──> Address ──format_address──> text
    host name ──resolve (getaddrinfo on a daemon thread)──> Addresses
    Address ──probe_tcp──> None | ProbeFailure(refused, unreachable, silent)
"""
