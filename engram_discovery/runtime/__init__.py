"""Runtime: what keeps a node running whatever its plugins and background tasks do.

Called by: every room above.
In: coroutines of plugins and of this package. Out: results or ``PluginCallError``, log events.

    plugin coroutine ──> plugin_call (task, timeout, BlockingDetector) ──> result | PluginCallError
                              └── task_leaks (TaskOwner)      failure_log, warn_on_change ──> log
    background loop ──> supervisor (restart) ── backoff ── clock      daemon_threads   atomic_file
"""
