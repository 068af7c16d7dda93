"""One node: its start and close, its identity, its advertise address, its node-id conflicts.

Called by: ``engram_discovery.initialize_cluster`` (a program) and ``cli.run``.
In: ``Settings``. Out: ``SingleNode`` or ``Distributed``, closed by ``aclose``.

    Settings ──> startup ──> identity ──> advertise ──> provider_factory ──> membership ──> joining ──> health
                    └────────────────────────────────── Distributed <── registration <──────────────────┘
"""
