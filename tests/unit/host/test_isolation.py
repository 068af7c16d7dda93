"""A plugin that raises, blocks, lies or is made for another host is named for it, and harms nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from engram_discovery.errors import PluginError, PluginIncompatibleError, PluginLoadError
from engram_discovery.host import PluginHost, PluginState
from tests.support.installed_plugins import NAMED, OFFER, Site


def hurry(plugins: Any, patience: Any = 0.05) -> None:
    """Give hooks less time from now on: what should not block was done before, in peace."""
    plugins._calls._timeout = patience


def record(host: Any, name: Any = "acme") -> Any:
    return next(record for record in host.records() if record.name == name)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_library", r"ModuleNotFoundError.*pip install --upgrade \"acme-discovery\"$"),
        (
            "raise ValueError('two\\nlines')",
            "ValueError: two lines; upgrade acme-discovery or report it to its authors$",
        ),
        ("raise SystemExit(3)", "SystemExit: 3; upgrade acme-discovery or report it to its authors$"),
        (
            "import asyncio; raise asyncio.CancelledError",
            "CancelledError; upgrade acme-discovery or report it to its authors$",
        ),
        ("def deep(): deep()\ndeep()", "RecursionError: "),
        ("raise GeneratorExit", "GeneratorExit; upgrade acme-discovery or report it to its authors$"),
        ("def broken(:", "SyntaxError: "),
        ("class Mute(Exception):\n    def __str__(self): raise TypeError\nraise Mute", "Mute: "),
    ],
)
def test_an_import_that_raises_is_a_record_not_a_crash(
    site: Site, host: Any, plugin_source: Any, source: Any, said: Any
) -> None:
    """Whatever a module raises while it is imported, the others work and the error names its distribution."""
    site.install("acme-discovery", acme=source)
    site.install("good", good=plugin_source("good"))
    plugins = host()

    plugins.load_all()

    with pytest.raises(PluginLoadError, match=NAMED + "raised in its import: .*" + said):
        plugins.provider("acme")
    assert plugins.provider("good").name == "good"
    assert record(plugins).state is PluginState.FAILED
    assert record(plugins).error is not None


def test_the_users_own_interrupt_is_not_held_back(site: Site, host: Any) -> None:
    """Control-C while a plugin is imported ends the program."""
    site.install("acme-discovery", acme="raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        host().provider("acme")


def test_an_import_that_blocks_is_given_up(site: Site, host: Any, tmp_path: Path) -> None:
    """A module that waits is named after the time allowed, and does not hold up the start."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    site.install("acme-discovery", acme=f"open({str(pipe)!r}).close()")
    plugins = host(call_timeout=0.05)

    with pytest.raises(
        PluginLoadError,
        match=NAMED + r"blocks in its import for more than 0\.05 s.*; upgrade acme-discovery",
    ):
        plugins.provider("acme")

    pipe.write_text("")  # ends the import, for which the next test would have to wait


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "implements no hook; mark its functions with @hookimpl"),
        (
            OFFER + "@hookimpl\ndef engram_create_discoverers(provider): ...",
            r"implements engram_create_discoverers, which is not a hook; did you mean .*discoverer\?",
        ),
        (
            OFFER + "@hookimpl\ndef engram_create_discoverer(provider, setings): ...",
            'implements .* with the argument "setings"; it may take provider, settings, context$',
        ),
        (
            OFFER + "@hookimpl\nasync def engram_create_discoverer(provider): ...",
            "implements engram_create_discoverer as a coroutine; hooks are synchronous",
        ),
        (
            OFFER + "@hookimpl\ndef engram_create_discoverer(provider): yield",
            "implements engram_create_discoverer as a generator",
        ),
        (
            OFFER + "@hookimpl(wrapper=True)\ndef engram_create_discoverer(provider): ...",
            ".*not a generator function",
        ),
        (
            OFFER + "@hookimpl\ndef engram_create_discoverer(provider): ...\n"
            "@hookimpl(wrapper=True, specname='engram_create_discoverer')\ndef wrap(): return (yield)",
            "both implements and wraps engram_create_discoverer",
        ),
        (
            "@hookimpl\ndef engram_providers(): return offer('acme', requires_api=2)",
            "needs version 2 of .*, this host has version 1; pip install --upgrade engram-discovery$",
        ),
        (
            "@hookimpl\ndef engram_providers(): return offer('acme', requires_api=0)",
            "needs version 0 .* pip install --upgrade that plugin$",
        ),
        (
            "@hookimpl\ndef engram_providers(): return ['acme']",
            "returned str, not ProviderInfo, from engram_providers",
        ),
        (
            "@hookimpl\ndef engram_providers(): return None",
            "returned None from engram_providers, not a list",
        ),
        ("@hookimpl\ndef engram_providers(): return offer('Acme-X')", "declares a provider 'Acme-X'"),
        ("@hookimpl\ndef engram_providers(): return offer('acme') * 2", 'declares the provider "acme" twice'),
        (
            "@hookimpl\ndef engram_providers(): return offer('acme') + offer('other')",
            'declares the provider "other" without an entry point of that name',
        ),
        (
            "Settings = dict\n@hookimpl\ndef engram_providers(): return offer('acme')",
            "has no pydantic model as settings_model",
        ),
        (
            "@hookimpl\ndef engram_providers(): return offer('acme', capabilities='discover')",
            'has capabilities of "acme" that are not a frozenset',
        ),
        (
            "@hookimpl\ndef engram_create_registrar(): return None",
            'declares no provider "acme"',
        ),
    ],
)
def test_a_plugin_that_does_not_fit_is_refused(site: Site, host: Any, source: Any, said: Any) -> None:
    """A misspelt, misshaped or outdated plugin is refused, with what is wrong and what would be right."""
    site.install("acme-discovery", acme=source)
    plugins = host()

    with pytest.raises(PluginIncompatibleError, match=NAMED + said):
        plugins.provider("acme")


def test_a_refused_plugin_leaves_no_hook_behind(
    site: Site, host: Any, plugin_source: Any, context: Any
) -> None:
    """A plugin with one unknown hook is not half registered: its good hooks are not called either."""
    wrapper = """
        @hookimpl(wrapper=True)
        def engram_create_discoverer():
            raise AssertionError("called")
            yield

        @hookimpl
        def engram_unknown(): ...
    """
    site.install("bad", bad=wrapper)
    site.install("good", good=plugin_source("good"))
    plugins = host(allow=["good", "bad"])

    plugins.create_discoverer("good", None, context)

    assert record(plugins, "bad").state is PluginState.INCOMPATIBLE


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('no')", "raised in engram_create_discoverer: ValueError: no"),
        ("raise SystemExit", "raised in engram_create_discoverer: SystemExit"),
        ("import asyncio; raise asyncio.CancelledError", "raised in .*: CancelledError"),
        ("return engram_create_discoverer(provider, settings, context)", "raised in .*: RecursionError"),
        ("import no_such_library", r'ModuleNotFoundError.*; pip install --upgrade "acme-discovery"'),
        (
            "import asyncio; asyncio.get_running_loop()",
            "RuntimeError: no running event loop; hooks run outside the event loop",
        ),
        ("import threading; threading.Event().wait()", "blocks in engram_create_discoverer"),
        ("return None", r'creates no discoverer for "acme"'),
        (
            "return 'acme'",
            "created an unusable object in .*: str does not implement Discoverer: missing method discover",
        ),
        ("made = Nobody(); made.aclose = None; return made", "missing method aclose"),
        (
            "made = Nobody(); made.discover = lambda: []; return made",
            "method discover is not a coroutine function",
        ),
        (
            "made = Nobody(); made.watch = made.discover; return made",
            "Nobody.watch is not an asynchronous generator",
        ),
        (
            "class Sly(Nobody):\n        discover = property(lambda self: 1 / 0)\n    return Sly()",
            "raised in engram_create_discoverer: ZeroDivisionError",
        ),
    ],
)
def test_a_factory_that_misbehaves_is_named(
    site: Site, host: Any, context: Any, body: Any, said: Any
) -> None:
    """A factory that raises, blocks or makes the wrong thing is named with its distribution and hook."""
    factory = f"@hookimpl\ndef engram_create_discoverer(provider, settings, context):\n    {body}\n"
    site.install("acme-discovery", acme=OFFER + factory)
    plugins = host(call_timeout=30)
    plugins.provider("acme")
    if said.startswith("blocks"):
        hurry(plugins)

    with pytest.raises(PluginError, match=NAMED + ".*" + said) as caught:
        plugins.create_discoverer("acme", None, context)

    assert caught.value.distribution == "acme-discovery 1.0"


def test_a_plugin_that_blocks_is_not_called_again(site: Site, host: Any, context: Any) -> None:
    """A factory that hangs costs one thread, not one a try, and is called again once it came back."""
    factory = """
import subprocess
import sys
import threading
go_on = threading.Event()

@hookimpl
def engram_create_discoverer():
    go_on.wait()
    return Nobody()
"""
    site.install("acme-discovery", acme=OFFER + factory)
    plugins = host(call_timeout=30)
    plugins.provider("acme")
    threads = threading.active_count()
    hurry(plugins)

    for expected in ("blocks in", "is still blocked by a previous call", "is still blocked"):
        with pytest.raises(PluginError, match=NAMED + expected):
            plugins.create_discoverer("acme", None, context)

    assert threading.active_count() == threads + 1
    import_module(site.module("acme-discovery", "acme")).go_on.set()
    while threading.active_count() > threads:  # the timeout of the test ends it
        time.sleep(0.01)
    hurry(plugins, patience=30)
    assert plugins.create_discoverer("acme", None, context)


def test_a_refused_plugin_can_be_registered_once_it_is_mended(site: Site, host: Any) -> None:
    """A plugin of the program that failed leaves nothing behind that is in the way of a second try."""
    source = """
        from itertools import count
        calls = count()

        @hookimpl
        def engram_providers():
            return offer("mine" if next(calls) else "BAD")
    """
    site.install("mine", mine=source)
    module = import_module(site.module("mine", "mine"))
    plugins = PluginHost(entry_points=[])
    with pytest.raises(PluginIncompatibleError, match="registered by the program"):
        plugins.register(module, name="mine")

    plugins.register(module, name="mine")

    assert plugins.provider("mine").name == "mine"


def test_endless_offers_end(site: Site, host: Any) -> None:
    """A plugin that never stops yielding is cut off."""
    source = "import itertools\n@hookimpl\ndef engram_providers():\n    return itertools.cycle(offer('acme'))"
    site.install("acme-discovery", acme=source)

    with pytest.raises(PluginIncompatibleError, match="twice"):
        host().provider("acme")


def test_what_nobody_selected_is_logged_once(site: Site, host: Any, log: Any, plugin_source: Any) -> None:
    """A broken plugin that is not selected is a warning; looking again does not repeat it."""
    site.install("acme-discovery", acme="raise ValueError")
    plugins = host()

    plugins.load_all()
    plugins.load_all()

    warned = [
        line.facts["plugin"]
        for line in log.events
        if (line.level, line.event) == ("warning", "plugin.load_failed")
    ]
    assert warned.count("acme") == 1


def test_a_process_full_of_broken_plugins_ends_as_if_they_were_not_there(
    site: Site, plugin_source: Any
) -> None:
    """Whatever they do at import, one that never returns included, the good one works and the exit is clean."""
    bad = {
        "missing": "import no_such_library",
        "exits": "raise SystemExit(3)",
        "cancelled": "import asyncio; raise asyncio.CancelledError",
        "deep": "def deep(): deep()\ndeep()",
        "hangs": "import time; time.sleep(60)",
        "raises": "@hookimpl\ndef engram_providers(): raise OSError",
        "answers_none": "@hookimpl\ndef engram_providers(): return None",
    }
    site.install("bad-discovery", **bad)
    site.install("good-discovery", good=plugin_source("good"))
    program = """
import sys
sys.path.insert(0, sys.argv[1])
from engram_discovery.host import PluginHost
host = PluginHost(call_timeout=4)  # the one that hangs costs it
for record in host.load_all():
    print(record.name, record.state)
print(host.provider("good").name)
"""

    done = subprocess.run(
        [sys.executable, "-c", program, str(site.path)], capture_output=True, text=True, timeout=50
    )

    lines = dict(line.split() for line in done.stdout.splitlines()[:-1])
    assert {lines[name] for name in bad} == {"failed", "incompatible"}
    assert done.stdout.endswith("good\n")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_strict_refuses_what_nobody_selected(site: Site, host: Any, plugin_source: Any) -> None:
    """With strict, a broken plugin that is not selected is an error, each time."""
    site.install("acme-discovery", acme="raise ValueError")
    site.install("good", good=plugin_source("good"))
    plugins = host(strict=True)

    for _ in range(2):
        with pytest.raises(PluginLoadError, match=NAMED):
            plugins.provider("good")


def test_a_plugin_without_providers_is_no_provider_once_that_is_known(site: Site, host: Any) -> None:
    """An engine or a wrapper is not listed among the providers after it was loaded."""
    site.install("acme-discovery", acme="@hookimpl\ndef engram_create_membership(): return None")
    plugins = host()

    assert plugins.known_providers() == {"acme"}
    plugins.load_all()
    assert plugins.known_providers() == frozenset()
