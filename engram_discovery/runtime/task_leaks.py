"""The tasks that a plugin began and did not end, found by the context that a task inherits from whoever begins it."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram_discovery.runtime.plugin_call import PluginCall

__all__ = ["context_of", "end_leaked_tasks", "tasks_of"]

#: Whose call the running code belongs to, however deep.
_CALLER: ContextVar[PluginCall] = ContextVar("engram_discovery_caller")

#: As long as the contract suites wait after ``aclose``.
_GRACE = 1.0


def context_of(caller: PluginCall) -> Context:
    """Return a copy of the current context in which every task that is begun belongs to ``caller``."""
    context = copy_context()
    context.run(_CALLER.set, caller)
    return context


async def end_leaked_tasks(callers: Iterable[PluginCall]) -> None:
    """Cancel the tasks of this event loop that still run though all that the callers call is closed.

    Their names are put into ``leaked_tasks`` of each caller. Takes no time if there is nothing, two seconds at most.
    """
    callers = frozenset(callers)
    if ending := tasks_of(callers):  # what was cancelled just now may need a moment
        await asyncio.wait(ending, timeout=_GRACE)
    left = tasks_of(callers)
    for task, caller in left.items():
        caller.leaked_tasks += (getattr(task.get_coro(), "__qualname__", task.get_name()),)
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_GRACE)


def tasks_of(callers: frozenset[PluginCall]) -> dict[asyncio.Task[object], PluginCall]:
    """Find the tasks of this event loop that calls of these began, at any depth, and that still run."""
    found = ((task, _caller(task)) for task in asyncio.all_tasks())
    return {task: caller for task, caller in found if caller in callers and not caller.is_abandoned(task)}


def _caller(task: asyncio.Task[object]) -> PluginCall | None:
    context = _context(task)
    return None if context is None else context.get(_CALLER)


def _context(task: asyncio.Task[object]) -> Context | None:
    if sys.version_info >= (3, 12):
        return task.get_context()
    # Python 3.11 has no such method, but its garbage collector is told of the same reference, before any other context.
    return next((found for found in gc.get_referents(task) if isinstance(found, Context)), None)
