"""Cluster health and members over HTTP; see ``routes``."""

from engram_discovery.http.routes import cluster_app, cluster_routes

__all__ = ["cluster_app", "cluster_routes"]
