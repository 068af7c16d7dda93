"""Check a plugin's hooks against the specifications, before pluggy calls any of them."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

from engram_discovery.hookspecs import HookSpecs
from engram_discovery.host.guard import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["deprecations", "register_hooks"]

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
    """Register a plugin, all of it or nothing.

    pluggy's own ``check_pending`` finds an unknown hook only once it is registered, and leaves it so.

    Returns:
        What is wrong with it, or None if it is registered.
    """
    hooks = tuple(_hooks(plugins, plugin))
    if not hooks:
        return "implements no hook; mark its functions with @hookimpl"
    problem = next(filter(None, (_problem(hook) for hook in hooks)), None) or _mixed(hooks)
    if problem:
        return problem
    try:
        plugins.register(plugin, name=name)
    except (pluggy.PluginValidationError, ValueError) as error:
        return one_line(error)
    return None


def deprecations(plugins: pluggy.PluginManager, plugin: object) -> list[str]:
    """Say which hooks and arguments that a registered plugin uses are going to be dropped, and what to use instead.

    pluggy warns of them, too, but by a ``DeprecationWarning``, which Python shows to nobody by default.
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


def _problem(hook: _Hook) -> str | None:
    if hook.name not in _ARGUMENTS:
        return None if hook.optional else f"implements {hook.name}, which is no hook{_meant(hook.name)}"
    if inspect.iscoroutinefunction(hook.function) or inspect.isasyncgenfunction(hook.function):
        return (
            f"implements {hook.name} as a coroutine; hooks are synchronous, the objects they make do the work"
        )
    if inspect.isgeneratorfunction(hook.function) and not hook.wraps and hook.name != "engram_providers":
        return f"implements {hook.name} as a generator; return the object, or mark it hookimpl(wrapper=True)"
    allowed = _ARGUMENTS[hook.name]
    unknown = [name for name in _required(hook.function) if name not in allowed]
    if unknown:
        may = ", ".join(allowed) or "none"
        return f'implements {hook.name} with the argument "{unknown[0]}"; it may take {may}'
    return None


def _required(function: Callable[..., object]) -> list[str]:
    """Name the arguments that pluggy would have to pass: it never passes one that has a default."""
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
