"""Tell whether an object made by a plugin has the methods of its protocol, and what it lacks if not.

``isinstance`` with a runtime protocol tells neither what is missing nor a plain method from a coroutine.
"""

from __future__ import annotations

import inspect

from engram_discovery.protocols import Discoverer

__all__ = ["lacks"]


def lacks(made: object, protocol: type) -> str | None:
    """Say why ``made`` is no ``protocol``, or return None if it is one. Runs no method of it.

    A property is only looked up on the class: the engine's ``local`` may raise before ``start``.
    """
    for name, member in _members(protocol).items():
        problem = _method(made, name, member) if inspect.isfunction(member) else _attribute(made, name)
        if problem:
            return f"{type(made).__qualname__} is no {protocol.__name__}: {problem}"
    watch = getattr(made, "watch", None) if protocol is Discoverer else None  # it need not have one
    if watch is not None and (not callable(watch) or inspect.iscoroutinefunction(watch)):
        return f"{type(made).__qualname__}.watch is no asynchronous generator"
    return None


def _members(protocol: type) -> dict[str, object]:
    return {name: member for name, member in vars(protocol).items() if not name.startswith("_")}


def _method(made: object, name: str, member: object) -> str | None:
    method = getattr(made, name, None)
    if not callable(method):
        return f"method {name} is missing"
    if inspect.iscoroutinefunction(member) and not _is_coroutine_function(method):
        return f"method {name} is no coroutine function (async def)"
    return None


def _attribute(made: object, name: str) -> str | None:
    if inspect.getattr_static(made, name, None) is None and not hasattr(made, name):
        return f"attribute {name} is missing"
    return None


def _is_coroutine_function(method: object) -> bool:
    if inspect.iscoroutinefunction(method):
        return True
    call = inspect.getattr_static(type(method), "__call__", None)  # an object that is called like one
    return inspect.iscoroutinefunction(call)
