"""The memory on disk: never half, never trusted blindly, never fatal."""

from __future__ import annotations

import json
import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from engram_discovery.sources import PeerCache
from tests.support.scripted import peers
from tests.support.timed_log import RecordingLogger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def lines() -> RecordingLogger:
    return RecordingLogger()


@pytest.fixture
def cache(tmp_path: Path, lines: RecordingLogger) -> PeerCache:
    return PeerCache(tmp_path / "data" / "peers.json", cluster="engram", logger=lines)


async def test_what_was_saved_is_loaded(cache: PeerCache, tmp_path: Path) -> None:
    """Peers come back in their order, labelled, with their ids; the file is its owner's alone."""
    await cache.save(peers(2, 1, source="consul", node_id="n"))

    loaded = await cache.load()

    assert loaded == peers(2, 1)
    assert {(peer.source, peer.node_id) for peer in loaded} == {("cache", "n")}
    assert stat.S_IMODE((tmp_path / "data" / "peers.json").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["peers.json"]


async def test_a_missing_file_is_no_reason_to_warn(cache: PeerCache, lines: RecordingLogger) -> None:
    """The first start has no memory."""
    assert await cache.load() == ()
    assert lines.lines == []


async def test_the_memory_of_another_cluster_is_ignored(
    cache: PeerCache, tmp_path: Path, lines: RecordingLogger
) -> None:
    """A data directory that served another cluster must not lead us there."""
    await PeerCache(tmp_path / "data" / "peers.json", cluster="other", logger=lines).save(peers(1))

    assert await cache.load() == ()
    assert "another cluster" in lines.lines[0][3]["error"]


def _whole(**changes: Any) -> bytes:
    peer = {"host": "10.0.0.1", "port": 7946, "node_id": None, "source": "dns"}
    return json.dumps({"format": 1, "cluster": "engram", "peers": [peer], **changes}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        _whole()[:-10],
        b"\xff\xfe",
        b"[" * 200_000,
        b"[]",
        b"null",
        _whole(format=2),
        _whole(peers="10.0.0.1"),
        _whole(peers=[1]),
        _whole(peers=[{"host": 1, "port": 1}]),
        _whole(peers=[{"host": "a", "port": 70_000}]),
        _whole(peers=[{"host": "a b", "port": 1}]),
        _whole(peers=[{"host": "0.0.0.0", "port": 1}]),
        _whole(peers=[{"host": "169.254.169.254", "port": 80}]),
        _whole() + b" " * (1024 * 1024),
    ],
)
async def test_what_cannot_be_read_is_ignored_with_a_warning(
    cache: PeerCache, tmp_path: Path, lines: RecordingLogger, content: bytes
) -> None:
    """Truncated, foreign, hostile or huge: no peers, one warning, no exception."""
    await cache.save(peers(1))
    (tmp_path / "data" / "peers.json").write_bytes(content)

    assert await cache.load() == ()
    assert [event for _, _, event, _ in lines.lines] == ["peer_cache.ignored"]


def _others_may_write(path: Path) -> None:
    path.chmod(0o666)


def _symlink(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _of_another_user(path: Path) -> None:
    os.chown(path, 12345, 12345)


@pytest.mark.parametrize("spoil", [_others_may_write, _symlink, _fifo, _directory, _of_another_user])
async def test_what_another_user_could_have_written_is_ignored(
    cache: PeerCache, tmp_path: Path, lines: RecordingLogger, spoil: Callable[[Path], None]
) -> None:
    """Only a regular file that is ours alone is trusted; nothing blocks on a pipe."""
    await cache.save(peers(1))
    try:
        spoil(tmp_path / "data" / "peers.json")
    except PermissionError:
        pytest.skip("only root can give a file away")

    assert await cache.load() == ()
    assert lines.lines[0][2] == "peer_cache.ignored"


async def test_a_disk_that_cannot_be_written_is_told_once_and_survived(
    tmp_path: Path, lines: RecordingLogger
) -> None:
    """No room, no directory, no permission: one warning, then silence until it works again."""
    (tmp_path / "data").write_text("a file where the directory should be")
    cache = PeerCache(tmp_path / "data" / "peers.json", cluster="engram", logger=lines)

    assert not await cache.save(peers(1))
    assert not await cache.save(peers(1))

    assert [event for _, _, event, _ in lines.lines] == ["peer_cache.write_failed"]


async def test_a_write_that_fails_leaves_the_old_file(
    cache: PeerCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old memory or the new one, never half of either, and nothing left beside it."""
    await cache.save(peers(1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not await cache.save(peers(2))

    assert await cache.load() == peers(1)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["peers.json"]


async def test_a_disk_that_hangs_holds_nobody_up(
    cache: PeerCache, lines: RecordingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead network mount is a warning after two seconds, in reading as in writing."""
    back = threading.Event()

    def hang(*_: Any) -> int:
        back.wait()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "open", hang)
    monkeypatch.setattr("engram_discovery.sources.peer_cache.DISK_TIMEOUT", 0.01)

    try:
        assert await cache.load() == ()
        assert not await cache.save(peers(1))
    finally:
        back.set()

    assert [facts["error"] for *_, facts in lines.lines] == ["no answer from the disk"] * 2


async def test_forgetting_removes_the_file(cache: PeerCache, tmp_path: Path) -> None:
    """After a graceful leave there is nothing to come back to; nothing is written again."""
    await cache.save(peers(1))

    assert await cache.forget()
    assert await cache.forget()
    await cache.save(peers(2))

    assert [path.name for path in (tmp_path / "data").iterdir()] == []
