"""Find tasks that a plugin started and did not end, by the context that tasks inherit from their creator (ADR 24)."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING

from engram_discovery.defaults import TASK_LEAK_GRACE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TaskOwner", "end_leaked_tasks", "tasks_of"]

#: Owner of the running code, at any call depth.
_OWNER: ContextVar[TaskOwner] = ContextVar("engram_discovery_task_owner")


class TaskOwner:
    """Identity to which the tasks of one plugin object belong.

    Attributes:
        abandoned: Calls that still run after two cancellations. They were logged then and are not leaks.
        leaked_tasks: Qualified names of coroutines whose tasks were left running, set by ``end_leaked_tasks``.
    """

    def __init__(self) -> None:
        self.abandoned: set[asyncio.Task[object]] = set()
        self.leaked_tasks: tuple[str, ...] = ()

    def context(self) -> Context:
        """Return a copy of the current context in which every task that is started belongs to this owner."""
        context = copy_context()
        context.run(_OWNER.set, self)
        return context


async def end_leaked_tasks(owners: Iterable[TaskOwner]) -> None:
    """Cancel the tasks of this event loop that still run after everything of the owners was closed.

    Their names are added to ``leaked_tasks`` of each owner. Returns at once if there is none, else within two seconds.
    """
    owners = frozenset(owners)
    if ending := tasks_of(owners):  # tasks that were cancelled just now may need a moment
        await asyncio.wait(ending, timeout=TASK_LEAK_GRACE)
    leaked = tasks_of(owners)
    for task, owner in leaked.items():
        owner.leaked_tasks += (getattr(task.get_coro(), "__qualname__", task.get_name()),)
        task.cancel()
    if leaked:
        await asyncio.wait(leaked, timeout=TASK_LEAK_GRACE)


def tasks_of(owners: frozenset[TaskOwner]) -> dict[asyncio.Task[object], TaskOwner]:
    """Return the running tasks of this event loop that belong to these owners, at any depth."""
    found = ((task, _owner(task)) for task in asyncio.all_tasks())
    return {task: owner for task, owner in found if owner in owners and task not in owner.abandoned}


def _owner(task: asyncio.Task[object]) -> TaskOwner | None:
    context = _context(task)
    return None if context is None else context.get(_OWNER)


def _context(task: asyncio.Task[object]) -> Context | None:
    if sys.version_info >= (3, 12):
        return task.get_context()
    # Python 3.11 lacks get_context, but its garbage collector visits the task's context before any other context
    return next((found for found in gc.get_referents(task) if isinstance(found, Context)), None)
