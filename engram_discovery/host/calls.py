"""Call the hooks of one plugin, and of the wrappers around it, through pluggy."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from engram_discovery.defaults import MAX_HOOK_RESULTS
from engram_discovery.errors import PluginError, PluginIncompatibleError
from engram_discovery.host.contract_check import deprecations, missing_from, register_hooks
from engram_discovery.host.guard import call_guarded
from engram_discovery.protocols import HealthCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pluggy

    from engram_discovery.host.entry import PluginEntry

__all__ = ["HookCalls"]


class HookCalls:
    """Calls hooks on a guarded thread; each call reaches only the plugins that it is meant for."""

    def __init__(self, plugins: pluggy.PluginManager, *, timeout: float) -> None:
        self._plugins = plugins
        self._timeout = timeout

    def register(self, entry: PluginEntry) -> None:
        """Register the hooks of a plugin.

        Raises:
            PluginIncompatibleError: They do not fit; nothing is registered.
            PluginError: Reading its attributes raised or blocked.
        """
        problem = call_guarded(
            entry,
            "its registration",
            lambda: register_hooks(self._plugins, entry.plugin, name=entry.label),
            timeout=self._timeout,
        )
        if problem:
            raise entry.error_for(problem, PluginIncompatibleError)
        for what in deprecations(self._plugins, entry.plugin):
            entry.warn(str(entry.error_for(what, PluginError)))

    def unregister(self, entry: PluginEntry) -> None:
        """Unregister the hooks of a plugin."""
        self._plugins.unregister(entry.plugin)

    def declared_providers(self, entry: PluginEntry) -> tuple[Any, ...]:
        """Return the declared providers of a plugin, unchecked.

        Raises:
            PluginIncompatibleError: It returned None.
            PluginError: It raised or blocked.
        """
        hook = "engram_providers"
        if all(one.plugin is not entry.plugin for one in self._implementations(hook)):
            return ()  # an engine or a wrapper
        call = self._caller(hook, [entry])
        answers = call_guarded(
            entry, hook, lambda: [_flat([answer]) for answer in call()], timeout=self._timeout
        )
        if not answers:
            raise entry.error_for(f"returned None from {hook}, not a list", PluginIncompatibleError)
        return answers[0]

    def make(
        self,
        owner: PluginEntry,
        hook: str,
        protocol: type,
        decorators: Iterable[PluginEntry],
        **arguments: Any,
    ) -> tuple[Any, ...]:
        """Call a factory of ``owner`` with the wrappers of ``decorators`` around it.

        Returns:
            The created objects: one, none, or for health checks any number; each implements ``protocol``.

        Raises:
            PluginError: A plugin raised, blocked, or created another object; the error names the plugin.
        """
        receivers = [owner, *self._wrapping(hook, decorators, owner)]
        call = self._caller(hook, receivers)

        def make() -> tuple[tuple[Any, ...], str | None]:
            answer = call(**arguments)
            made = _flat(answer) if protocol is HealthCheck else (answer,) if answer is not None else ()
            return made, next(filter(None, (missing_from(one, protocol) for one in made)), None)

        def blame(error: BaseException) -> PluginEntry:
            return self._culprit(error, hook, receivers)

        made, problem = call_guarded(owner, hook, make, timeout=self._timeout, blame=blame)
        if problem:
            raise owner.error_for(
                f"created an unusable object in {hook}: {problem}{_decorated(receivers)}", PluginError
            )
        return made

    def _caller(self, hook: str, receivers: Sequence[PluginEntry]) -> Callable[..., Any]:
        wanted = {id(entry.plugin) for entry in receivers}
        others = [plugin for plugin in self._plugins.get_plugins() if id(plugin) not in wanted]
        return self._plugins.subset_hook_caller(hook, others)

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self._plugins.hook, hook)
        return caller.get_hookimpls()

    def _wrapping(
        self, hook: str, decorators: Iterable[PluginEntry], owner: PluginEntry
    ) -> list[PluginEntry]:
        implementations = self._implementations(hook)
        wrapping = {id(one.plugin) for one in implementations if one.wrapper or one.hookwrapper}
        return [c for c in decorators if c.plugin is not owner.plugin and id(c.plugin) in wrapping]

    def _culprit(self, error: BaseException, hook: str, receivers: Sequence[PluginEntry]) -> PluginEntry:
        """Find the plugin that raised an exception: the innermost hook in its traceback."""
        codes = {
            getattr(one.function, "__code__", None): id(one.plugin) for one in self._implementations(hook)
        }
        culprit, trace = receivers[0], error.__traceback__
        while trace is not None:
            plugin = codes.get(trace.tb_frame.f_code)
            culprit = next((receiver for receiver in receivers if id(receiver.plugin) == plugin), culprit)
            trace = trace.tb_next
        return culprit


def _flat(answers: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    return tuple(islice((one for answer in answers for one in answer), MAX_HOOK_RESULTS))


def _decorated(receivers: Sequence[PluginEntry]) -> str:
    return (
        f" (decorated by {' and '.join(receiver.label for receiver in receivers[1:])})"
        if receivers[1:]
        else ""
    )
