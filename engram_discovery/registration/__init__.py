"""Registration of this node in registries, for as long as it runs.

Called by: ``node.startup`` starts one ``Registration`` per registrar; ``http`` and ``metrics`` read its state.
In: a ``Registrar`` from a plugin, the ``NodeRecord``.
Out: the record in the registry, a ``RegistrationState``, log events ``registration.*``.

    pending ──register──> unverified ──verify──> registered ──(missing, expired)──> lost ──register──> …
                                                     └──(newer run)──> superseded

    registration (start, aclose, reading) ──> upkeep (the loop) ──> registrar_calls ──> the plugin's Registrar
                                                 └── state (lease, failures)
"""
