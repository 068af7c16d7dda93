"""Secrets are read again when their file changes, and each consumer is notified."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engram_discovery.settings import Secret

if TYPE_CHECKING:
    from pathlib import Path


def _file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "token"
    path.write_bytes(content)
    return path


class FakeClock:
    """A clock whose sleepers continue when the test advances it."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[tuple[float, asyncio.Event]] = asyncio.Queue()

    def monotonic(self) -> float:
        return 0.0

    def time(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        done = asyncio.Event()
        self.waiting.put_nowait((seconds, done))
        await done.wait()

    async def tick(self) -> float:
        """Wake the next sleeper; return the seconds that it asked for."""
        seconds, done = await self.waiting.get()
        done.set()
        return seconds


async def _until_asleep(clock: FakeClock) -> None:
    while clock.waiting.empty():  # noqa: ASYNC110  a thread reads the file; there is nothing to wait on
        await asyncio.sleep(0.001)


async def test_a_secret_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    """A change is detected at the next read, whether the file is replaced, rewritten or switched by a link."""
    first, second = tmp_path / "v1", tmp_path / "v2"
    first.write_text("one\n")
    second.write_text("two\n")
    link = tmp_path / "token"
    link.symlink_to(first)
    secret, clock, seen = Secret("one", link), FakeClock(), list[str]()

    watcher = asyncio.create_task(
        secret.watch(lambda: seen.append(secret.get_secret_value()), clock=clock, interval=7.0)
    )
    assert await clock.tick() == 7.0
    await _until_asleep(clock)
    assert seen == []
    (tmp_path / "new").symlink_to(second)
    (tmp_path / "new").replace(link)
    await clock.tick()
    await _until_asleep(clock)
    second.write_text("six\n")
    await clock.tick()
    await _until_asleep(clock)
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)

    assert seen == ["two", "six"]


async def test_the_last_good_secret_stays_while_the_file_is_gone(tmp_path: Path) -> None:
    """A failure to read is reported, changes nothing, and does not end the watch."""
    path = _file(tmp_path, b"one")
    secret, clock = Secret("one", path), FakeClock()
    changes, errors = list[str](), list[Exception]()
    watcher = asyncio.create_task(
        secret.watch(lambda: changes.append(secret.get_secret_value()), clock=clock, on_error=errors.append)
    )

    path.unlink()
    await clock.tick()
    await _until_asleep(clock)
    kept = secret.get_secret_value()
    path.write_text("two")
    await clock.tick()
    await _until_asleep(clock)
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)

    assert (kept, changes) == ("one", ["two"])
    assert [type(error) for error in errors] == [FileNotFoundError]


async def test_a_secret_without_a_file_is_not_watched() -> None:
    """``watch`` returns at once for a secret without a file."""
    await Secret("one").watch(lambda: None, clock=FakeClock())


def test_the_version_rises_with_each_change(tmp_path: Path) -> None:
    """A program that compares versions detects a change also if another consumer read it before."""
    path = _file(tmp_path, b"one")
    secret = Secret("one", path)

    secret.refresh()
    unchanged = secret.version
    path.write_text("two")
    secret.refresh()
    secret.refresh()

    assert (unchanged, secret.version, secret.get_secret_value()) == (0, 1, "two")


def test_a_secret_without_a_file_stays_as_it_is() -> None:
    """``refresh`` changes nothing for a secret without a file."""
    secret = Secret("x")

    secret.refresh()

    assert (secret.version, secret.get_secret_value()) == (0, "x")


async def test_every_watcher_of_a_shared_secret_is_notified(tmp_path: Path) -> None:
    """Each watcher is notified of a change once, whichever of them read the file first."""
    path = _file(tmp_path, b"one")
    secret, clocks, told = Secret("one", path), (FakeClock(), FakeClock()), list[str]()
    first, second = (
        asyncio.create_task(secret.watch(lambda name=name: told.append(name), clock=clock))  # type: ignore[misc]
        for name, clock in zip(("first", "second"), clocks, strict=True)
    )

    path.write_text("two")
    for clock in (*clocks, *clocks):
        await clock.tick()
        await _until_asleep(clock)
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)

    assert told == ["first", "second"]
