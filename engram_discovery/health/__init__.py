"""Health of the cluster as this node sees it, readiness, and the history of both.

Called by: ``node.startup`` starts a ``ClusterHealth``; ``http``, ``metrics`` and the CLI read its report.
In: the members of the engine, the plugins' health checks, the status of the sources.
Out: ``Verdict`` (status and counts), ``HealthReport``, ``Readiness``, log events ``health.*`` and ``member.*``.

    Membership.members() ──> membership.counts ──> summary.evaluate ──> Verdict ──> log, history, HealthReport
    HealthCheck ──> PluginCall ──> CheckResult ────────────────────────────────────────> HealthReport.checks
"""
