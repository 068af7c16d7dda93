"""The HTTP routes of a node, to mount in any ASGI application.

GET /cluster/health   the health report; 503 when critical, same body
GET /cluster/nodes    every member
GET /cluster/discovery  why the node has, or has not, joined
GET /cluster/sd       every member as a target for Prometheus
GET /cluster/         the status page, unless switched off; GET /cluster/status is its content
GET /livez            the process serves requests; never depends on peers
GET /readyz           may it receive traffic? 503 with the reason if not
GET /health           for registries' checks: short, constant, without secrets
GET /metrics          Prometheus, if a registry was given
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from engram_discovery.http.bodies import Bodies, StatusAndBody, status_body
from engram_discovery.http.middleware import ErrorMiddleware
from engram_discovery.http.status_page import StatusPage, load_page
from engram_discovery.runtime.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from engram_discovery.metrics import CollectorRegistry
    from engram_discovery.node.node import ClusterContext
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["cluster_app", "cluster_routes"]

_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def cluster_routes(
    context: ClusterContext, *, registry: CollectorRegistry | None = None, clock: Clock | None = None
) -> list[Route]:
    """Return the routes for a Starlette or FastAPI application: ``app.router.routes.extend(cluster_routes(context))``.

    Args:
        context: The node that ``initialize_cluster`` returned.
        registry: The registry to show at ``/metrics``; without one there is no such route.
        clock: Source of time, for tests.
    """
    bodies = Bodies(context, clock)

    def respond(build: Callable[[], StatusAndBody]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(_: Request) -> Response:
            status, body = build()
            return _json(status, body)

        return endpoint

    routes = [
        Route("/cluster/health", respond(bodies.health)),
        Route("/cluster/nodes", respond(bodies.nodes)),
        Route("/cluster/discovery", respond(bodies.discovery)),
        Route("/cluster/sd", respond(bodies.targets)),
        Route("/livez", respond(bodies.alive)),
        Route("/readyz", respond(bodies.ready)),
        Route("/health", respond(bodies.alive)),
    ]
    if context.settings.cluster.network.status_page:
        routes += [
            Route("/cluster/", _page(load_page())),
            Route("/cluster/status", respond(lambda: status_body(context))),
        ]
    if registry is not None:
        routes.append(Route("/metrics", _metrics(registry)))
    return routes


def cluster_app(
    context: ClusterContext,
    *,
    registry: CollectorRegistry | None = None,
    logger: Logger | None = None,
) -> Starlette:
    """Return an ASGI application of the routes, for a server of its own or ``app.mount(…)`` in another application.

    Args:
        context: The node that ``initialize_cluster`` returned.
        registry: The registry to show at ``/metrics``.
        logger: Receives errors of handlers, with the id in the response.
    """
    log = logger or get_logger("engram_discovery.http")

    async def refused(_: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        return _json(status, {"error": _ERRORS.get(status, "refused")})

    return Starlette(
        routes=cluster_routes(context, registry=registry),
        middleware=[Middleware(ErrorMiddleware, logger=log)],
        exception_handlers={HTTPException: refused},
    )


_ERRORS = {404: "not found", 405: "method not allowed"}


def _json(status: int, body: Any) -> Response:
    # ASCII with escapes: node names come from the network and may hold anything, even lone surrogates
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
    return Response(text, status_code=status, media_type="application/json", headers=_HEADERS)


def _page(page: StatusPage) -> Callable[[Request], Awaitable[Response]]:
    headers = {**_HEADERS, **page.headers}

    async def endpoint(_: Request) -> Response:
        return HTMLResponse(page.html, headers=headers)

    return endpoint


def _metrics(registry: CollectorRegistry) -> Callable[[Request], Awaitable[Response]]:
    from engram_discovery.metrics import expose  # imports prometheus_client, only where a registry is given

    async def endpoint(request: Request) -> Response:
        body, content_type = expose(registry, request.headers.get("accept", ""))
        return Response(body, media_type=content_type, headers=_HEADERS)

    return endpoint
