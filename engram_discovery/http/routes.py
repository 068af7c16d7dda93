"""The HTTP face of a node, to mount in any ASGI application.

GET /cluster/health   the health report; 503 when critical, same body
GET /cluster/nodes    every member
GET /cluster/discovery  what each source says
GET /cluster/sd       every member as a target for Prometheus
GET /cluster/         the status page, unless switched off; GET /cluster/status has what it shows
GET /livez            the process answers; never depends on peers
GET /readyz           may it be given work? 503 with the reason if not
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

from engram_discovery.http import views
from engram_discovery.http.failures import ErrorMiddleware
from engram_discovery.http.status import status_answer
from engram_discovery.http.status_page import StatusPage, load_page
from engram_discovery.runtime.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import CollectorRegistry
    from starlette.requests import Request

    from engram_discovery.node.node import ClusterContext
    from engram_discovery.runtime.clock import Clock
    from engram_discovery.runtime.log import Logger

__all__ = ["cluster_app", "cluster_routes"]

_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def cluster_routes(
    context: ClusterContext, *, registry: CollectorRegistry | None = None, clock: Clock | None = None
) -> list[Route]:
    """Make the routes for a Starlette or FastAPI application: ``app.router.routes.extend(cluster_routes(context))``.

    Args:
        context: What ``initialize_cluster`` returned.
        registry: The registry to show at ``/metrics``; without one there is no such route.
        clock: Source of time, for tests.
    """
    view = views.Views(context, clock)

    def answer(make: Callable[[], views.Answer]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(_: Request) -> Response:
            status, body = make()
            return _json(status, body)

        return endpoint

    routes = [
        Route("/cluster/health", answer(view.health)),
        Route("/cluster/nodes", answer(view.nodes)),
        Route("/cluster/discovery", answer(view.discovery)),
        Route("/cluster/sd", answer(view.targets)),
        Route("/livez", answer(view.alive)),
        Route("/readyz", answer(view.ready)),
        Route("/health", answer(view.alive)),
    ]
    if context.settings.cluster.network.status_page:
        routes += [
            Route("/cluster/", _page(load_page())),
            Route("/cluster/status", answer(lambda: status_answer(context))),
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
    """Make an ASGI application of the routes, for a server of its own or ``app.mount(…)`` in another one.

    Args:
        context: What ``initialize_cluster`` returned.
        registry: The registry to show at ``/metrics``.
        logger: Told of an error inside a handler, by the id that the client is shown.
    """
    log = logger or get_logger("engram_discovery.http")

    async def refused(_: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        return _json(status, {"error": _WORDS.get(status, "refused")})

    return Starlette(
        routes=cluster_routes(context, registry=registry),
        middleware=[Middleware(ErrorMiddleware, logger=log)],
        exception_handlers={HTTPException: refused},
    )


_WORDS = {404: "not found", 405: "method not allowed"}


def _json(status: int, body: Any) -> Response:
    # ASCII with escapes: node names come from the network and may hold anything, lone surrogates included.
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
    return Response(text, status_code=status, media_type="application/json", headers=_HEADERS)


def _page(page: StatusPage) -> Callable[[Request], Awaitable[Response]]:
    headers = {**_HEADERS, **page.headers}

    async def endpoint(_: Request) -> Response:
        return HTMLResponse(page.html, headers=headers)

    return endpoint


def _metrics(registry: CollectorRegistry) -> Callable[[Request], Awaitable[Response]]:
    from prometheus_client.exposition import choose_encoder

    async def endpoint(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=content_type, headers=_HEADERS)

    return endpoint
