"""Resolve the list of seed nodes to addresses, at every discovery round."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Any

from engram_discovery.provider import (
    DiscoveryError,
    Empty,
    Endpoint,
    FailureKind,
    Found,
    ResolutionError,
    comma_list,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from engram_discovery.provider import Address, PluginContext
    from engram_discovery_static.settings import StaticSettings

__all__ = ["StaticDiscoverer"]

#: Concurrent lookups; each has a thread and a socket of its own.
MAX_CONCURRENT_LOOKUPS = 64

#: Share of the host's deadline for lookups, so that the names that did resolve are returned in time.
_DEADLINE_SHARE = 0.8

#: Seconds after which an answer with unresolved names is refreshed.
_RETRY_INTERVAL = 5.0

Lookup = tuple["Address", ...] | ResolutionError


class StaticDiscoverer:
    """Resolves every name in parallel, to every address, IPv4 and IPv6; IP addresses pass as they are.

    A name that does not resolve stays a seed under its name and makes the answer incomplete. A log line
    reports when it stops resolving and when it resolves again, not each round.

    Args:
        settings: The seed nodes.
        context: Logger, deadline and the provider's name.
        resolver: Resolves one name; ``resolve`` unless a test scripts it.
    """

    def __init__(
        self,
        settings: StaticSettings,
        context: PluginContext,
        *,
        resolver: Callable[..., Awaitable[tuple[Address, ...]]] = resolve,
    ) -> None:
        self._seeds = settings.seeds
        self._context = context
        self._resolver = resolver
        self._unresolved: set[Address] = set()
        self._failed_in: dict[Address, int] = {}
        self._round = 0

    async def discover(self) -> Found | Empty:
        """Return all addresses of all seed nodes, each once, in the order of the list.

        Raises:
            DiscoveryError: Not one seed node is an IP address or resolves.
        """
        if not self._seeds:
            return Empty("no seed nodes are configured")
        names = [seed for seed in self._seeds if not _is_literal(seed.host)]
        answers = await self._resolve_all(names)
        failures = {seed: answer for seed, answer in answers.items() if isinstance(answer, ResolutionError)}
        self._log_changes(failures)
        if len(failures) == len(self._seeds):
            raise _nothing_resolves(failures)
        return Found(
            tuple(dict.fromkeys(self._endpoints(answers))),
            complete=not failures,
            ttl=_RETRY_INTERVAL if failures else None,
            detail=f"{len(self._seeds)} seed nodes, {len(failures)} unresolved" if failures else "",
        )

    async def aclose(self) -> None:
        """Do nothing: nothing is held between calls."""

    async def _resolve_all(self, names: Sequence[Address]) -> dict[Address, Lookup]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._context.timeout * _DEADLINE_SHARE
        slots = asyncio.Semaphore(MAX_CONCURRENT_LOOKUPS)

        async def one(seed: Address) -> Lookup:
            try:
                async with asyncio.timeout_at(deadline), slots:
                    self._failed_in[seed] = self._round
                    answer = await self._resolver(seed.host, seed.port, timeout=deadline - loop.time())
                    del self._failed_in[seed]
                    return answer
            except ResolutionError as error:
                return error
            except TimeoutError:
                return ResolutionError(f"{seed.host}: no time left to resolve it", kind=FailureKind.TIMEOUT)

        # the name that failed most recently goes last: names on which the resolver hangs must not starve the others
        self._round += 1
        fresh_first = sorted(names, key=lambda seed: self._failed_in.get(seed, 0))
        async with asyncio.TaskGroup() as group:
            tasks = {seed: group.create_task(one(seed)) for seed in fresh_first}
        return {seed: task.result() for seed, task in tasks.items()}

    def _endpoints(self, answers: Mapping[Address, Lookup]) -> list[Endpoint]:
        endpoints = []
        for seed in self._seeds:
            answer = answers.get(seed, (seed,))
            addresses = (seed,) if isinstance(answer, ResolutionError) else answer
            # the target lets the host drop an old address of this name while another name does not resolve
            facts: dict[str, Any] = {"source": self._context.provider, "meta": {"target": str(seed)}}
            endpoints += [Endpoint(*address, **facts) for address in addresses]
        return endpoints

    def _log_changes(self, failures: Mapping[Address, ResolutionError]) -> None:
        logger = self._context.logger
        for seed in self._seeds:
            if seed in failures and seed not in self._unresolved:
                reason = str(failures[seed])
                logger.warning(
                    "static.seed_unresolved",
                    seed=str(seed),
                    error=reason,
                    remedy="correct the name, or add it to DNS; it is resolved again at every refresh",
                )
            elif seed in self._unresolved and seed not in failures:
                logger.info("static.seed_resolved", seed=str(seed))
        self._unresolved = set(failures)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _nothing_resolves(failures: Mapping[Address, ResolutionError]) -> DiscoveryError:
    errors = list(failures.values())
    shown = comma_list(errors, limit=3)
    timed_out = all(error.kind is FailureKind.TIMEOUT for error in errors)
    kind = FailureKind.TIMEOUT if timed_out else FailureKind.DNS_FAILURE
    return DiscoveryError(f"none of the {len(errors)} seed nodes resolves: {shown}", kind=kind)
