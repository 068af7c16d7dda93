"""The identity of a node over restarts, crashes and damaged files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engram_discovery.errors import SettingsError
from engram_discovery.node.identity import NODE_ID, DataDirLock, load_identity
from engram_discovery.runtime.log import get_logger
from engram_discovery.testing import FakeClock
from engram_discovery.types import NodeIdentity

LOG = get_logger("engram_discovery.test")


def load(data_dir: Path | None, node_id: str = "", wall: float = 1_700_000_000.0) -> NodeIdentity:
    return load_identity(
        node_id=node_id, cluster="c", data_dir=data_dir, clock=FakeClock(wall=wall), logger=LOG
    )


def test_the_id_is_created_once_and_stored(tmp_path: Path) -> None:
    """A restart has the same id and a higher generation; only the owner can read the file."""
    first = load(tmp_path)
    second = load(tmp_path)

    assert NODE_ID.match(first.node_id)
    assert second.node_id == first.node_id
    assert second.generation > first.generation
    assert stat.S_IMODE((tmp_path / "node_id").stat().st_mode) == 0o600


def test_the_generation_rises_although_the_clock_goes_back(tmp_path: Path) -> None:
    """A wrong clock at a restart cannot make the new run older than the last one."""
    first = load(tmp_path, wall=2_000_000_000.0)

    second = load(tmp_path, wall=1_000_000_000.0)

    assert second.generation == first.generation + 1


def test_the_generation_rises_although_the_directory_was_lost(tmp_path: Path) -> None:
    """A replaced disk starts from the wall clock, not from one."""
    (tmp_path / "a").mkdir()
    first = load(tmp_path / "a", node_id="n")

    second = load(None, node_id="n", wall=1_700_000_001.0)

    assert first is not None
    assert second.generation > first.generation


def test_a_configured_id_wins(tmp_path: Path) -> None:
    """The setting beats the kept id and is not written."""
    kept = load(tmp_path)

    assert load(tmp_path, node_id="n1").node_id == "n1"
    assert load(tmp_path).node_id == kept.node_id


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"two words", b"x" * 5000, b"../../etc/passwd"])
def test_a_damaged_id_is_put_aside_and_replaced(tmp_path: Path, damage: bytes) -> None:
    """The node starts, under a new id, and the damaged file is kept."""
    (tmp_path / "node_id").write_bytes(damage)

    identity = load(tmp_path)

    assert NODE_ID.match(identity.node_id)
    assert (tmp_path / "node_id.corrupt").read_bytes() == damage
    assert load(tmp_path).node_id == identity.node_id


def test_a_damaged_generation_does_not_stop_the_node(tmp_path: Path) -> None:
    """An invalid file counts as missing: the wall clock decides."""
    (tmp_path / "generation").write_text("9" * 300)

    assert load(tmp_path).generation == 1_700_000_000_000


def test_two_processes_cannot_share_a_directory(tmp_path: Path) -> None:
    """The second gets an error with the directory and the remedy; after the release it gets the lock."""
    first, second = DataDirLock(tmp_path / "data"), DataDirLock(tmp_path / "data")
    first.acquire()

    with pytest.raises(
        SettingsError, match=r"cluster\.data_dir: another running node uses .*data_dir of its own"
    ):
        second.acquire()
    first.release()
    second.acquire()

    second.release()


def test_a_directory_that_cannot_be_created_is_a_settings_error(tmp_path: Path) -> None:
    """The message names the setting and the reason."""
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match=r"cluster\.data_dir: cannot use .*file"):
        DataDirLock(tmp_path / "file" / "data").acquire()


def test_no_scratch_file_is_left(tmp_path: Path) -> None:
    """Only the two stored files are there afterwards."""
    load(tmp_path)

    assert sorted(os.listdir(tmp_path)) == ["generation", "node_id"]  # noqa: PTH208  only names are needed
