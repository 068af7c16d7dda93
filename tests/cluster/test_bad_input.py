"""Bad settings and bad neighbours: a clear message, the right exit status, never a traceback, never a hang."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.process import free_port
from tests.support.node_processes import all_see, make_nodes, running, wait_until

KEY_A = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
KEY_B = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="


def refused(folder: Path, settings: str | None, *arguments: str) -> str:
    """Run a node that must refuse to start: exit status 2, a message, no traceback; return the message."""
    config = folder / "engram.toml"
    if settings is not None:
        config.write_text(settings)
    ended = subprocess.run(
        [sys.executable, "-m", "engram_discovery", "run", "--config", str(config), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('[cluster]\nenabled = true\n[cluster.network]\nswim_bind = "nonsense"', "cluster.network.swim_bind"),
        (
            '[cluster]\nenabled = true\n[cluster.network]\nswim_bind = "127.0.0.1:0"',
            "cluster.network.swim_bind",
        ),
        (
            '[cluster]\nenabled = true\n[cluster.network]\napi_bind = "127.0.0.1:70000"',
            "cluster.network.api_bind",
        ),
        ('[cluster]\nenabled = true\ndiscovery = "statc"', "static"),
        ("[cluster]\nenabled = true\nenabeld = true", "enabled"),
        ('[cluster]\nenabled = true\n[cluster.static]\nseed_nodes = ["a:1:2"]', "cluster.static.seed_nodes"),
        ('[cluster]\nenabled = true\n[cluster.static]\nseeds = ["a:1"]', "seed_nodes"),
        ("[cluster\nenabled = true", "engram.toml"),
        ('[cluster]\nenabled = "perhaps"', "cluster.enabled"),
        ('[cluster]\nenabled = true\n[cluster.security]\nkeys = ["c2hvcnQ="]', "cluster.security.keys"),
    ],
)
def test_wrong_settings_are_refused_in_words(tmp_path: Path, settings: str, expected: str) -> None:
    """The message names the setting, and nothing is started."""
    assert expected in refused(tmp_path, settings)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    """It is an error, never single-node mode."""
    assert "engram.toml" in refused(tmp_path, None)


@pytest.mark.parametrize("setting", ["swim_bind", "api_bind"])
def test_a_port_in_use_is_an_error(tmp_path: Path, setting: str) -> None:
    """The message names the address, how to find the process that has it, and the setting to change."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = f"127.0.0.1:{holder.getsockname()[1]}"
        other = {"swim_bind": "api_bind", "api_bind": "swim_bind"}[setting]

        message = refused(
            tmp_path,
            "[cluster]\nenabled = true\n",
            f"--set=cluster.network.{setting}={taken}",
            f"--set=cluster.network.{other}=127.0.0.1:{free_port()}",
        )

    assert taken in message
    assert "ss -lntup" in message
    assert f"cluster.network.{setting}" in message


@pytest.mark.parametrize("setting", ["swim_bind", "api_bind"])
def test_an_address_of_another_machine_is_an_error(tmp_path: Path, setting: str) -> None:
    """Binding to an address that this host does not have names the setting."""
    message = refused(
        tmp_path,
        "[cluster]\nenabled = true\n",
        f"--set=cluster.network.{setting}=192.0.2.77:7999",
    )

    assert "192.0.2.77:7999" in message
    assert f"cluster.network.{setting}" in message


def test_an_unresolvable_seed_beside_good_ones_is_a_warning(tmp_path: Path) -> None:
    """The good seeds are joined, and the bad one is named."""
    nodes = make_nodes(tmp_path, 2)
    for node in nodes:
        node.settings = node.settings.replace("seed_nodes = [", 'seed_nodes = ["no-such-host.invalid:7946", ')
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive", "n1": "alive"}), 30, "both see two alive")

        wait_until(lambda: "no-such-host.invalid" in nodes[0].log, 10, "the bad seed is named in the log")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"cluster.security.keys": KEY_A}, {"cluster.security.keys": KEY_B}),
        ({"cluster.security.keys": KEY_A}, {}),
        ({"cluster.name": "blue"}, {"cluster.name": "green"}),
    ],
    ids=["another key", "no key", "another cluster"],
)
def test_a_foreign_node_is_never_joined(tmp_path: Path, ours: dict[str, str], theirs: dict[str, str]) -> None:
    """A seed with another cluster name or key is reported as such; both nodes run on alone."""
    nodes = make_nodes(tmp_path, 2)
    nodes[0].overrides |= ours
    nodes[1].overrides |= theirs
    with running(nodes):
        wait_until(all_see(nodes[1:], {"n1": "alive"}), 20, "the foreign node runs")
        foreign = "peer rejected the handshake: cluster.name or gossip key differs"

        wait_until(lambda: foreign in str(nodes[0].get("/cluster/discovery")), 30, "the reason is shown")

        assert nodes[0].states() == {"n0": "alive"}
        assert nodes[1].states() == {"n1": "alive"}
        assert [node.stop() for node in nodes] == [0, 0]


def test_two_nodes_cannot_share_a_data_directory(tmp_path: Path) -> None:
    """The second is refused while the first runs."""
    nodes = make_nodes(tmp_path, 1)
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive"}), 20, "the node runs")

        message = refused(
            tmp_path,
            nodes[0].settings,
            f"--set=cluster.data_dir={nodes[0].folder / 'data'}",
            f"--set=cluster.network.swim_bind=127.0.0.1:{free_port()}",
            f"--set=cluster.network.api_bind=127.0.0.1:{free_port()}",
        )

    assert "cluster.data_dir" in message


def test_a_second_live_node_with_one_id_replaces_the_first(tmp_path: Path) -> None:
    """The older run leaves and ends with status 1 and the reason; the newer one stays."""
    nodes = make_nodes(tmp_path, 3)
    nodes[2].node_id = "n0"
    with running(nodes[:2]):
        wait_until(all_see(nodes[:2], {"n0": "alive", "n1": "alive"}), 20, "both see two alive")

        with running(nodes[2:]):
            first = nodes[0].process
            assert first
            wait_until(lambda: first.poll() is not None, 20, "the older run ends")
            wait_until(all_see(nodes[1:], {"n0": "alive", "n1": "alive"}), 20, "the newer run stays")

            assert first.returncode == 1
            assert "in use by a newer run" in nodes[0].log


def test_without_a_key_beyond_loopback_strict_refuses(tmp_path: Path) -> None:
    """security.require_encryption = true turns the loud warning into an error."""
    message = refused(
        tmp_path,
        "[cluster]\nenabled = true\n[cluster.security]\nrequire_encryption = true\n",
        f"--set=cluster.network.swim_bind=0.0.0.0:{free_port()}",
    )

    assert "cluster.security" in message


def test_without_a_key_beyond_loopback_the_default_warns(tmp_path: Path) -> None:
    """The specification's defaults run, and log what is wrong with them."""
    nodes = make_nodes(tmp_path, 1)
    nodes[0].overrides["cluster.network.swim_bind"] = f"0.0.0.0:{nodes[0].gossip_port}"
    with running(nodes):
        wait_until(all_see(nodes, {"n0": "alive"}), 20, "the node runs")

        warnings = nodes[0].events("settings.warning")

    assert any("cluster.security.keys" in str(warning) for warning in warnings)
