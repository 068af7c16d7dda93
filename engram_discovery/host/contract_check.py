"""Check a plugin against the contract: its hooks, its declared providers, and the objects it creates.

pluggy finds an unknown hook only after its registration, and ``isinstance`` with a runtime protocol reports neither
what is missing nor a plain method in place of a coroutine function (ADR 20).
"""

from __future__ import annotations

import difflib
import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from engram_discovery.hookspecs import API_VERSION, HookSpecs
from engram_discovery.host.guard import one_line
from engram_discovery.protocols import Discoverer
from engram_discovery.types import ProviderInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = ["declaration_problem", "deprecations", "missing_from", "register_hooks"]

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")

#: The hooks of the contract and the arguments of each.
_ARGUMENTS = {
    name: tuple(inspect.signature(hook).parameters)[1:]
    for name, hook in vars(HookSpecs).items()
    if inspect.isfunction(hook) and not name.startswith("_")
}


@dataclass(frozen=True, slots=True)
class _Hook:
    """One function that a plugin marked with ``hookimpl``."""

    name: str
    function: Callable[..., object]
    wraps: bool
    optional: bool


def register_hooks(plugins: pluggy.PluginManager, plugin: object, *, name: str) -> str | None:
    """Register a plugin, completely or not at all.

    Returns:
        Why it does not fit, or None if it is registered.
    """
    hooks = tuple(_hooks(plugins, plugin))
    if not hooks:
        return "implements no hook; mark its functions with @hookimpl"
    problem = next(filter(None, (_hook_problem(hook) for hook in hooks)), None) or _mixed(hooks)
    if problem:
        return problem
    try:
        plugins.register(plugin, name=name)
    except (pluggy.PluginValidationError, ValueError) as error:
        return one_line(error)
    return None


def deprecations(plugins: pluggy.PluginManager, plugin: object) -> list[str]:
    """Return the deprecated hooks and arguments that a registered plugin uses, with their replacement (ADR 25).

    pluggy warns of them only by a ``DeprecationWarning``, which Python hides by default.
    """
    found = []
    for hook in _hooks(plugins, plugin):
        spec = getattr(plugins.hook, hook.name).spec
        if spec is None:
            continue
        if spec.warn_on_impl is not None:
            found.append(f"implements {hook.name}, which is deprecated: {spec.warn_on_impl}")
        taken = inspect.signature(hook.function).parameters
        found += [
            f'takes the argument "{name}" of {hook.name}, which is deprecated: {why}'
            for name, why in (spec.warn_on_impl_args or {}).items()
            if name in taken
        ]
    return found


def _hooks(plugins: pluggy.PluginManager, plugin: object) -> Iterator[_Hook]:
    for attribute in dir(plugin):
        options = plugins.parse_hookimpl_opts(plugin, attribute)
        if options is not None:
            yield _Hook(
                name=options.get("specname") or attribute,
                function=getattr(plugin, attribute),
                wraps=bool(options.get("wrapper") or options.get("hookwrapper")),
                optional=bool(options.get("optionalhook")),
            )


def _hook_problem(hook: _Hook) -> str | None:
    if hook.name not in _ARGUMENTS:
        return None if hook.optional else f"implements {hook.name}, which is not a hook{_meant(hook.name)}"
    if inspect.iscoroutinefunction(hook.function) or inspect.isasyncgenfunction(hook.function):
        return f"implements {hook.name} as a coroutine; hooks are synchronous; the objects they create do the work"
    if inspect.isgeneratorfunction(hook.function) and not hook.wraps and hook.name != "engram_providers":
        return f"implements {hook.name} as a generator; return the object, or mark it hookimpl(wrapper=True)"
    allowed = _ARGUMENTS[hook.name]
    unknown = [name for name in _required(hook.function) if name not in allowed]
    if unknown:
        may = ", ".join(allowed) or "none"
        return f'implements {hook.name} with the argument "{unknown[0]}"; it may take {may}'
    return None


def _required(function: Callable[..., object]) -> list[str]:
    """Return the arguments that pluggy would have to pass: it never passes one that has a default."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]


def _mixed(hooks: tuple[_Hook, ...]) -> str | None:
    """Refuse a wrapper beside a factory: the host could not call one without the other."""
    wrapped = {hook.name for hook in hooks if hook.wraps}
    mixed = sorted(wrapped & {hook.name for hook in hooks if not hook.wraps})
    if not mixed:
        return None
    return (
        f"both implements and wraps {mixed[0]}; put the wrapper into a module and an entry point of its own"
    )


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, _ARGUMENTS, n=1)
    return f"; did you mean {close[0]}?" if close else f"; hooks are {', '.join(sorted(_ARGUMENTS))}"


def declaration_problem(declared: Sequence[object], *, entry_points: Collection[str] | None) -> str | None:
    """Return what is wrong with the return value of ``engram_providers``, or None.

    Args:
        declared: The return value.
        entry_points: The plugin's own entry point names, the only names it may declare; None if it has none.
    """
    names: set[str] = set()
    for info in declared:
        problem = _provider_problem(info, names, entry_points)
        if problem:
            return problem
        names.add(getattr(info, "name", ""))
    return None


def _provider_problem(
    declared: object, seen: Collection[str], entry_points: Collection[str] | None
) -> str | None:
    if not isinstance(declared, ProviderInfo):
        return f"returned {type(declared).__qualname__}, not ProviderInfo, from engram_providers"
    info: Any = declared  # a plugin may fill its fields with values of any type
    if info.requires_api != API_VERSION:
        older = isinstance(info.requires_api, int) and info.requires_api < API_VERSION
        return (
            f"needs version {info.requires_api} of the plugin contract, this host has version {API_VERSION}; "
            f"pip install --upgrade {'that plugin' if older else 'engram-discovery'}"
        )
    if not isinstance(info.name, str) or not _NAME.match(info.name):
        return f"declares a provider {info.name!r}; a name has lower-case letters, digits and underscores"
    if info.name in seen:
        return f'declares the provider "{info.name}" twice'
    if entry_points is not None and info.name not in entry_points:
        return f'declares the provider "{info.name}" without an entry point of that name'
    if not (
        isinstance(info.settings_model, type)
        and callable(getattr(info.settings_model, "model_validate", None))
    ):
        return f'has no pydantic model as settings_model of "{info.name}"'
    if not isinstance(info.capabilities, frozenset):
        return f'has capabilities of "{info.name}" that are not a frozenset'
    return None


def missing_from(made: object, protocol: type) -> str | None:
    """Return why ``made`` does not implement ``protocol``, or None if it does. Calls no method of it.

    A property is only read from the class: the engine's ``local`` may raise before ``start``.
    """
    for name, member in _members(protocol).items():
        problem = _method(made, name, member) if inspect.isfunction(member) else _attribute(made, name)
        if problem:
            return f"{type(made).__qualname__} does not implement {protocol.__name__}: {problem}"
    watch = getattr(made, "watch", None) if protocol is Discoverer else None  # it need not have one
    if watch is not None and (not callable(watch) or inspect.iscoroutinefunction(watch)):
        return f"{type(made).__qualname__}.watch is not an asynchronous generator"
    return None


def _members(protocol: type) -> dict[str, object]:
    return {name: member for name, member in vars(protocol).items() if not name.startswith("_")}


def _method(made: object, name: str, member: object) -> str | None:
    method = getattr(made, name, None)
    if not callable(method):
        return f"missing method {name}"
    if inspect.iscoroutinefunction(member) and not _is_coroutine_function(method):
        return f"method {name} is not a coroutine function (async def)"
    return None


def _attribute(made: object, name: str) -> str | None:
    if inspect.getattr_static(made, name, None) is None and not hasattr(made, name):
        return f"missing attribute {name}"
    return None


def _is_coroutine_function(method: object) -> bool:
    if inspect.iscoroutinefunction(method):
        return True
    call = inspect.getattr_static(type(method), "__call__", None)  # an object that is called like one
    return inspect.iscoroutinefunction(call)
