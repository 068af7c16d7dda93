"""HTTP: health, members, readiness, explanation, metrics and the status page of a node.

Called by: a program that mounts ``cluster_routes`` or ``cluster_app``; ``cli.run`` serves them.
In: the ``ClusterContext`` of a node. Out: JSON bodies, an HTML page, Prometheus text.

    request ──> middleware ──> routes ──> bodies ──reads──> health, membership, joiner, registrations
                                 └──> status_page (HTML) ──fetches──> /cluster/status
"""

from engram_discovery.http.routes import cluster_app, cluster_routes

__all__ = ["cluster_app", "cluster_routes"]
