"""A web service whose processes form a cluster: ``uvicorn asgi_service:app``, with ENGRAM_CONFIG naming the settings.

The node lives as long as the application: it is joined before the first request and says good-bye after the last.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from engram_discovery import Distributed, cluster_routes, initialize_cluster, load_settings
from engram_discovery.types import NodeState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Run a node while the application runs, and add the cluster's routes to it."""
    registry = CollectorRegistry()
    async with await initialize_cluster(load_settings(), registry=registry) as cluster:
        app.state.cluster = cluster
        app.router.routes.extend(cluster_routes(cluster, registry=registry))
        yield


async def peers(request: Request) -> JSONResponse:
    """Answer with the addresses of the living peers: what a request would be forwarded to."""
    cluster = request.app.state.cluster
    if not isinstance(cluster, Distributed):
        return JSONResponse([])
    members = cluster.membership.members({NodeState.ALIVE})
    return JSONResponse([str(member.api_addr) for member in members if not member.is_self])


app = Starlette(routes=[Route("/peers", peers)], lifespan=lifespan)
