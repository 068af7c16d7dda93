"""The command line: ``engram-discovery run``, and commands that check settings and read running nodes.

Called by: the console script ``engram-discovery`` and ``python -m engram_discovery``.
In: arguments, settings files, environment. Out: tables or JSON on standard output, logs on standard error, exit status.

    main ──lazily──> run ──> node.startup, http.server
             ├──> config, doctor, discover, plugins ──> settings, host, sources
             └──> members, health, explain ──> node_client ──HTTP──> a running node
"""
