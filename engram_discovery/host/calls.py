"""Call the hooks of one plugin, and of the wrappers round it, through pluggy."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from engram_discovery.errors import PluginError, PluginIncompatibleError
from engram_discovery.host.guard import call_guarded
from engram_discovery.host.hooks import deprecations, register_hooks
from engram_discovery.host.shapes import lacks
from engram_discovery.protocols import HealthCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pluggy

    from engram_discovery.host.entry import Candidate

__all__ = ["HookCalls"]

#: More than any plugin needs, and an end to one that never stops yielding.
_MOST_ANSWERS = 1000


class HookCalls:
    """Calls hooks guarded, so that each reaches only the plugins that it is meant for."""

    def __init__(self, plugins: pluggy.PluginManager, *, timeout: float) -> None:
        self._plugins = plugins
        self._timeout = timeout

    def register(self, candidate: Candidate) -> None:
        """Register the hooks of a candidate's plugin.

        Raises:
            PluginIncompatibleError: They do not fit; nothing is registered.
            PluginError: Looking at it raised or blocked.
        """
        problem = call_guarded(
            candidate,
            "its registration",
            lambda: register_hooks(self._plugins, candidate.plugin, name=candidate.label),
            timeout=self._timeout,
        )
        if problem:
            raise candidate.complaint(problem, PluginIncompatibleError)
        for what in deprecations(self._plugins, candidate.plugin):
            candidate.warn(str(candidate.complaint(what, PluginError)))

    def unregister(self, candidate: Candidate) -> None:
        """Forget the hooks of a candidate's plugin."""
        self._plugins.unregister(candidate.plugin)

    def offers(self, candidate: Candidate) -> tuple[Any, ...]:
        """Ask a plugin what it offers; the answer is unchecked.

        Raises:
            PluginIncompatibleError: It answered None.
            PluginError: It raised or blocked.
        """
        hook = "engram_providers"
        if all(one.plugin is not candidate.plugin for one in self._implementations(hook)):
            return ()  # an engine or a wrapper
        call = self._caller(hook, [candidate])
        answers = call_guarded(
            candidate, hook, lambda: [_flat([answer]) for answer in call()], timeout=self._timeout
        )
        if not answers:
            raise candidate.complaint(f"answered {hook} with None, not with a list", PluginIncompatibleError)
        return answers[0]

    def make(
        self, owner: Candidate, hook: str, protocol: type, decorators: Iterable[Candidate], **arguments: Any
    ) -> tuple[Any, ...]:
        """Call a factory of ``owner`` with the wrappers of ``decorators`` round it.

        Returns:
            What was made: one object, none, or for health checks any number, each fit for ``protocol``.

        Raises:
            PluginError: A plugin raised or blocked, or made something else; names whichever it was.
        """
        takers = [owner, *self._wrapping(hook, decorators, owner)]
        call = self._caller(hook, takers)

        def make() -> tuple[tuple[Any, ...], str | None]:
            answer = call(**arguments)
            made = _flat(answer) if protocol is HealthCheck else (answer,) if answer is not None else ()
            return made, next(filter(None, (lacks(one, protocol) for one in made)), None)

        def blame(error: BaseException) -> Candidate:
            return self._culprit(error, hook, takers)

        made, problem = call_guarded(owner, hook, make, timeout=self._timeout, blame=blame)
        if problem:
            raise owner.complaint(
                f"made an unusable object in {hook}: {problem}{_decorated(takers)}", PluginError
            )
        return made

    def _caller(self, hook: str, takers: Sequence[Candidate]) -> Callable[..., Any]:
        wanted = {id(candidate.plugin) for candidate in takers}
        others = [plugin for plugin in self._plugins.get_plugins() if id(plugin) not in wanted]
        return self._plugins.subset_hook_caller(hook, others)

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self._plugins.hook, hook)
        return caller.get_hookimpls()

    def _wrapping(self, hook: str, decorators: Iterable[Candidate], owner: Candidate) -> list[Candidate]:
        implementations = self._implementations(hook)
        wrapping = {id(one.plugin) for one in implementations if one.wrapper or one.hookwrapper}
        return [c for c in decorators if c.plugin is not owner.plugin and id(c.plugin) in wrapping]

    def _culprit(self, error: BaseException, hook: str, takers: Sequence[Candidate]) -> Candidate:
        """Find whose hook an exception came from: the innermost one that it passed."""
        codes = {
            getattr(one.function, "__code__", None): id(one.plugin) for one in self._implementations(hook)
        }
        culprit, trace = takers[0], error.__traceback__
        while trace is not None:
            plugin = codes.get(trace.tb_frame.f_code)
            culprit = next((taker for taker in takers if id(taker.plugin) == plugin), culprit)
            trace = trace.tb_next
        return culprit


def _flat(answers: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    return tuple(islice((one for answer in answers for one in answer), _MOST_ANSWERS))


def _decorated(takers: Sequence[Candidate]) -> str:
    return f" (decorated by {' and '.join(taker.label for taker in takers[1:])})" if takers[1:] else ""
