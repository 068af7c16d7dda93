"""The example provider with one fault seeded in its text, by the contract test that must catch it.

Most faulty texts are executed under the name of the sound module; those about the module itself need a file.
"""

from __future__ import annotations

import atexit
import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from engram_discovery.testing.contracts import DiscovererContract, PluginContract
from examples.json_file_provider.tests.test_contracts import OfJsonFile

SOURCE = Path(__file__).parents[3] / "examples/json_file_provider/src/json_file_provider.py"
SECRET = "s3cret-canary"
INTERVAL = "    poll_interval: Duration = "
FACTORY = "    return JsonFile(settings, context)"

PLUGIN = """\
CAN = frozenset({"discover", "watch"})
INFO = ProviderInfo(name="json_file", settings_model=Settings, summary="peers in a file", capabilities=CAN)
plugin = ProviderPlugin(INFO, discoverer=JsonFile)
"""
HOOKS = """\
@hookimpl
def engram_providers() -> list[ProviderInfo]:
    can, summary = frozenset({"discover", "watch"}), "peers in a JSON file"
    return [ProviderInfo(name="json_file", settings_model=Settings, summary=summary, capabilities=can)]


@hookimpl
def engram_create_discoverer(provider: str, settings: Settings, context: PluginContext) -> JsonFile | None:
    return JsonFile(settings, context) if provider == "json_file" else None
"""

#: The example, with hooks written out, and with a secret that it does not need.
SOUND = (
    SOURCE.read_text()
    .replace(PLUGIN, HOOKS)
    .replace("    ProviderPlugin,\n", "    hookimpl,\n")
    .replace(INTERVAL, '    token: SecretStr = Field(description="A secret.")\n' + INTERVAL)
    .replace("from pydantic import Field", "from pydantic import ConfigDict, Field, SecretStr")
)

PLUGIN_FAULTS: dict[str, tuple[str, str, str]] = {
    "MisspeltHook": ("def engram_providers", "def engram_provider", "test_the_host_loads_it"),
    "UnknownArgument": (
        "settings: Settings, context: P",
        "table: Settings, context: P",
        "test_the_host_loads_it",
    ),
    "WrongVersion": ("summary=summary,", "summary=summary, requires_api=99,", "test_the_host_loads_it"),
    "NoSummary": ('"peers in a JSON file"', '""', "test_it_describes_itself"),
    "UntoldWatch": (
        'frozenset({"discover", "watch"})',
        'frozenset({"discover"})',
        "test_it_creates_what_it_declares",
    ),
    "TakesEverything": ('if provider == "json_file" else None', "", "test_other_providers_are_ignored"),
    "ConnectsInItsFactory": (
        FACTORY,
        f"    import socket; socket.getaddrinfo('localhost', 1)\n{FACTORY}",
        "test_factories_do_not_connect",
    ),
    "IgnoresUnknownKeys": (
        "class Settings(Table):",
        'class Settings(Table):\n    model_config = ConfigDict(extra="ignore")\n',
        "test_unknown_keys_are_refused",
    ),
    "CanBeChanged": (
        "class Settings(Table):",
        "class Settings(Table):\n    model_config = ConfigDict(frozen=False)\n",
        "test_settings_are_frozen",
    ),
    "SaysNothingOfAKey": ('Field(description="A secret.")', "Field()", "test_every_key_is_described"),
    "QuotesValues": (
        "class Settings(Table):",
        "class Settings(Table):\n    model_config = ConfigDict(hide_input_in_errors=False)\n",
        "test_errors_show_no_value",
    ),
    "SecretAsText": ("token: SecretStr", "token: str", "test_no_secret_is_shown"),
}

#: Faults of the module itself: they are seen in its file, not in what it makes.
MODULE_FAULTS: dict[str, tuple[str, str, str]] = {
    "SlowToImport": (
        "import asyncio",
        "import time; time.sleep(0.05)\nimport asyncio",
        "test_importing_is_cheap",
    ),
    "BringsALibrary": (
        "import asyncio",
        "import iniconfig\nimport asyncio",
        "test_importing_brings_no_client_library",
    ),
    "ReadsTheEnvironment": (
        FACTORY,
        f"    import os; os.getenv('PEERS')\n{FACTORY}",
        "test_the_environment_is_not_read",
    ),
    "ConfiguresLogging": (
        FACTORY,
        f"    import logging; logging.basicConfig()\n{FACTORY}",
        "test_logging_is_not_configured",
    ),
}

DISCOVERER_FAULTS: dict[str, tuple[str, str, str]] = {
    "NoFileIsNobody": (
        'raise DiscoveryError(f"{path}: {error.strerror}", kind=FailureKind.UNAVAILABLE) from error',
        "return Empty(str(error))",
        "test_an_outage_is_an_error",
    ),
    "NobodyIsFound": (
        "Found(endpoints) if endpoints else Empty",
        "Found(endpoints) if True else Empty",
        "test_no_records_is_empty",
    ),
    "HalfAFileIsNobody": (
        'raise DiscoveryError(f"{path}: not a list of host:port", kind=FailureKind.BAD_DATA) from error',
        "return Empty(str(error))",
        "test_garbage_is_bad_data",
    ),
    "OnlyTwo": ("Found(endpoints) if", "Found(endpoints[:2]) if", "test_every_record_is_found"),
    "RemembersForEver": (
        "        return Found(",
        "        endpoints = self.seen = (*getattr(self, 'seen', ()), *endpoints)\n        return Found(",
        "test_a_removed_record_is_gone",
    ),
    "BlocksTheLoop": (
        "        path = self._settings.path\n",
        "        path = self._settings.path\n        import time; len(asyncio.all_tasks()) > 1 and time.sleep(0.3)\n",
        "test_it_never_holds_the_event_loop",
    ),
    "WaitsForTheFirstChange": (
        "last = None",
        "last = await self.discover()",
        "test_a_watch_begins_with_the_whole_answer",
    ),
    "LeavesATask": (
        "last = None",
        "last = asyncio.create_task(asyncio.sleep(99))",
        "test_a_closed_watch_leaves_nothing",
    ),
}

FAULTS = {**PLUGIN_FAULTS, **MODULE_FAULTS, **DISCOVERER_FAULTS}


def sown(name: str) -> ModuleType:
    """Return the example with a fault in it."""
    old, new, _ = FAULTS[name]
    text = SOUND.replace(old, new)
    assert text != SOUND, f"{name} changes nothing: the example no longer has {old!r}"
    if name in MODULE_FAULTS:
        return _imported(name.lower(), text)
    module = ModuleType(SOUND_MODULE.__name__)
    module.__file__ = SOUND_MODULE.__file__
    exec(compile(text, name, "exec"), vars(module))  # our own example
    return module


def _imported(name: str, text: str) -> ModuleType:
    (PLACE / f"{name}.py").write_text(text)
    return importlib.import_module(name)


class OfFaulty(OfJsonFile):
    """What the suites are told; a token that the example does not need, so that there is one to show."""

    secrets = (SECRET,)

    def settings(self, backend: Any) -> dict[str, object]:
        return {**super().settings(backend), "token": SECRET}


def _suite(name: str, module: ModuleType) -> type:
    if name in DISCOVERER_FAULTS:
        can = frozenset({"change", "stop", "corrupt", "watch"})
        return type(f"Test{name}", (OfFaulty, DiscovererContract), {"plugin": module, "capabilities": can})
    return type(f"Test{name}", (OfFaulty, PluginContract), {"plugin": module})


PLACE = Path(tempfile.mkdtemp(prefix="json-file-"))
atexit.register(shutil.rmtree, PLACE, ignore_errors=True)
sys.path.insert(0, str(PLACE))
importlib.invalidate_caches()
SOUND_MODULE = _imported("sound_json_file", SOUND)
globals().update({f"Test{name}": _suite(name, sown(name)) for name in FAULTS})
TestGood = _suite("Good", SOUND_MODULE)
