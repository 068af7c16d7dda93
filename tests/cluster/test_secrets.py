"""Canaries in every secret, and every output of a full run searched for them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import textwrap
import urllib.parse
from pathlib import Path

from tests.servers.process import free_port
from tests.support.node_processes import Node, all_see, running, seeds_table, wait_until

KEY = base64.b64encode(b"canary-gossip-key-0123456789-abc").decode()
OLD_KEY = base64.b64encode(b"canary-older-key-0123456789-abcd").decode()
TOKEN = 'canary-token/with "quotes"'
PASSWORD = "canary-password-from-a-file"
SECRETS = [KEY, OLD_KEY, "canary-gossip-key", "canary-older-key", TOKEN, PASSWORD]

PROVIDER = """
    from engram_discovery.errors import DiscoveryError, FailureKind
    from engram_discovery.hookspecs import hookimpl
    from engram_discovery.settings.field_types import Secret, Table
    from engram_discovery.types import ProviderInfo


    class VaultSettings(Table):
        '''A registry that wants secrets.'''

        token: Secret
        password: Secret


    class Discoverer:
        def __init__(self, settings):
            self._settings = settings
            self._round = 0

        async def discover(self):
            self._round += 1
            token = self._settings.token.get_secret_value()
            assert token.startswith("canary") and self._settings.password.get_secret_value().startswith("canary")
            if self._round % 2:
                raise RuntimeError(f"a bug beside {self._settings!r}")
            raise DiscoveryError("refused", kind=FailureKind.FORBIDDEN)

        async def aclose(self):
            pass


    @hookimpl
    def engram_providers():
        return [ProviderInfo(name="vault", settings_model=VaultSettings, summary="wants secrets")]


    @hookimpl
    def engram_create_discoverer(provider, settings, context):
        return Discoverer(settings)
"""


def install_provider(folder: Path) -> dict[str, str]:
    """Install a third party's plugin in a folder of its own, and return the environment that sees it."""
    (folder / "vault_1").mkdir(parents=True)
    (folder / "vault_1" / "__init__.py").write_text("")
    (folder / "vault_1" / "plugin.py").write_text(textwrap.dedent(PROVIDER))
    info = folder / "vault_1-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vault-1\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[engram_discovery]\nvault = vault_1.plugin\n")
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONASYNCIODEBUG": "1",
        "ENGRAM_CLUSTER__VAULT__TOKEN": TOKEN,
    }


def forms(secret: str) -> set[str]:
    """Write a secret in every way in which it might leak."""
    raw = secret.encode()
    return {
        secret,
        urllib.parse.quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        base64.b64encode(raw).decode().rstrip("="),
        raw.hex(),
    }


def leaks(outputs: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (where, form)
        for where, text in outputs.items()
        for secret in SECRETS
        for form in forms(secret)
        if form in text
    ]


def command(environment: dict[str, str], *arguments: str) -> str:
    """Run a command, whatever its status, and return all that it printed."""
    ended = subprocess.run(
        [sys.executable, "-m", "engram_discovery", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
    )
    return ended.stdout + ended.stderr


def test_the_search_finds_what_leaks() -> None:
    """Each form of a canary in an output is a hit: the search itself can fail."""
    for secret in SECRETS:
        for form in forms(secret):
            assert leaks({"somewhere": f"x{form}y"})


def test_no_secret_is_in_any_output_of_a_full_run(tmp_path: Path) -> None:
    """Logs at debug, every route, metrics, every command on good and on bad settings: no canary in any encoding."""
    environment = install_provider(tmp_path / "site")
    folder = tmp_path / "n0"
    folder.mkdir()
    (folder / "password").write_text(PASSWORD + "\n")
    (folder / "password").chmod(0o644)
    secrets = folder / ".secrets.toml"
    secrets.write_text(f'[cluster.security]\nkeys = ["{KEY}", "{OLD_KEY}"]\n')
    secrets.chmod(0o600)
    head = f'discovery = ["vault", "static"]\n[cluster.vault]\npassword_file = "{folder / "password"}"\n'
    gossip = free_port()
    node = Node("n0", "127.0.0.1", folder, gossip, free_port(), seeds_table([f"127.0.0.1:{gossip}"], head))
    node.arguments, node.environment = ["--log-level", "debug"], environment
    config = str(folder / "engram.toml")
    outputs: dict[str, str] = {}

    with running([node]):
        wait_until(all_see([node], {"n0": "alive"}), 30, "the node runs")
        wait_until(lambda: "plugin_bug" in str(node.get("/cluster/discovery")), 20, "the provider has failed")
        for path in (
            "/cluster/health",
            "/cluster/nodes",
            "/cluster/discovery",
            "/readyz",
            "/metrics",
            "/nothing",
        ):
            outputs[path] = str(node.get(path))
        for arguments in (["members"], ["health"], ["explain"], ["explain", "--json"]):
            outputs[" ".join(arguments)] = command(environment, *arguments, "--url", node.url)
        node.stop()
    outputs["log"] = node.log
    for arguments in (
        ["config", "show"],
        ["config", "show", "--json"],
        ["config", "check"],
        ["config", "explain", "cluster.security.keys"],
        ["config", "explain", "cluster.vault.token"],
        ["discover"],
        ["plugins", "show", "vault"],
    ):
        outputs[" ".join(arguments)] = command(environment, *arguments, "--config", config)
    broken = tmp_path / "broken.toml"  # not beside the good secrets, which would win
    for name, text in {
        "a key of the wrong length": f'[cluster]\nenabled = true\n[cluster.security]\nkeys = ["{TOKEN}"]',
        "a key twice": f'[cluster]\nenabled = true\n[cluster.security]\nkeys = ["{KEY}", "{KEY}"]',
        "a key as a table": f'[cluster]\nenabled = true\n[cluster.security]\nkeys = {{a = "{KEY}"}}',
        "a misspelt key": f'[cluster]\nenabled = true\n[cluster.security]\nkey = "{KEY}"',
        "a line that breaks": f'[cluster.security]\nkeys = ["{KEY}',
        "an unknown token": f'[cluster]\nenabled = true\ndiscovery = "vault"\n[cluster.vault]\ntokn = "{PASSWORD}"',
    }.items():
        broken.write_text(text)
        outputs[name] = command(environment, "run", "--config", str(broken))
        outputs[f"{name}, on the command line"] = command(
            environment, "run", "--config", str(broken), "--set", f"security.keys={TOKEN}"
        )
        assert "engram-discovery: " in outputs[name]

    assert leaks(outputs) == []
    assert "Traceback" not in "".join(outputs.values())
    assert "RuntimeError" in outputs["log"]
