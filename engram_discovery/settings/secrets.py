"""Secrets: hidden in every repr, readable from a file, and read again when the file changes (ADR 12).

Any field of type ``Secret`` (or ``SecretStr``) accepts ``token = "…"``, ``token = "file:/run/secrets/token"`` and
``token_file = "/run/secrets/token"``. Kubernetes and Vault agents replace such files while the process runs.
"""

from __future__ import annotations

import asyncio
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from engram_discovery._text import error_text
from engram_discovery.defaults import MAX_SECRET_SIZE, MAX_SIMILAR_PROBLEMS, SECRET_READ_INTERVAL
from engram_discovery.errors import Problem
from engram_discovery.runtime.daemon_threads import DaemonThreads
from engram_discovery.settings.field_info import expect_text
from engram_discovery.settings.problems import lower_first, path_remedy
from engram_discovery.settings.toml_file import read_bounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram_discovery.runtime.clock import Clock
    from engram_discovery.settings.origins import Leaf

__all__ = ["Secret", "SecretResolver", "read_secret"]


class Secret(SecretStr):
    """A secret, from a file or from the settings. ``get_secret_value`` returns the content at the last read.

    Several consumers may share one secret: a refresh by one of them is a refresh for all. Each detects a change by
    ``watch``, or by comparing ``version`` with the version that it used last.

    Attributes:
        path: The file, or None for a secret whose value is in the settings.
        version: Number of changes that refreshes found.
    """

    def __init__(self, secret_value: str, path: Path | None = None) -> None:
        super().__init__(secret_value)
        self.path = path
        self.version = 0

    def refresh(self) -> None:
        """Read the file again; blocks for one small read. Does nothing for a secret without a file.

        Raises:
            OSError: The file does not exist or cannot be read. The last-known-good value stays.
            ValueError: The file is empty, too large or not text. The last-known-good value stays.
        """
        if self.path is None:
            return
        value, _ = read_secret(self.path)
        if value != self._secret_value:
            self._secret_value = value
            self.version += 1

    async def watch(
        self,
        on_change: Callable[[], None],
        *,
        clock: Clock,
        interval: float = SECRET_READ_INTERVAL,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        """Read the file every ``interval`` seconds; call ``on_change`` after each change, also one of another consumer.

        Runs until the task that owns it is cancelled; returns at once for a secret without a file. It compares the
        content, because a mounted volume replaces the file by switching a link and may keep its times (ADR 12).

        Args:
            on_change: Called in the event loop, when ``get_secret_value`` returns the new value.
            clock: Waits between two reads.
            interval: Seconds between two reads.
            on_error: Called with each failure to read; the last-known-good value stays in use.
        """
        threads, seen = DaemonThreads("engram-secret"), self.version
        while self.path is not None:
            await clock.sleep(interval)
            try:
                await asyncio.get_running_loop().run_in_executor(threads, self.refresh)
            except (OSError, ValueError) as error:
                if on_error is not None:
                    on_error(error)
            if seen != self.version:
                seen = self.version
                on_change()


def read_secret(path: Path) -> tuple[str, bool]:
    """Read a secret from a file, without the one newline that editors append. Blocks for one bounded read.

    Returns:
        The secret, and whether users other than the owner and its group can read the file.

    Raises:
        OSError: The file cannot be opened.
        ValueError: The file is empty, larger than 64 KiB, not UTF-8, or not a regular file. The message never
            contains the secret.
    """
    data, mode = read_bounded(path, MAX_SECRET_SIZE)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    text = text[: -len("\r\n")] if text.endswith("\r\n") else text.removesuffix("\n")
    if not text:
        raise ValueError("empty")
    return text, bool(mode & stat.S_IROTH)


_REFERENCE = "file:"


@dataclass(slots=True)
class SecretResolver:
    """Reads the files that secrets refer to, and collects their problems and warnings.

    A file that cannot be read is a problem; its secret is then empty, so that the other settings are still validated.
    After ``MAX_SIMILAR_PROBLEMS`` such problems no further file is read.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def resolve(self, value: Any, leaf: Leaf, key: str) -> Any:
        """Wrap a secret, or each element of a list; read the file of a ``file:`` reference.

        Raises:
            ValueError: The value is neither text nor a secret.
        """
        if isinstance(value, list | tuple):
            return [self.resolve(item, leaf, key) for item in value]
        if isinstance(value, SecretStr):
            return value
        text = expect_text(value, "text")
        return (
            self.read(text.removeprefix(_REFERENCE), leaf, key)
            if text.startswith(_REFERENCE)
            else Secret(text)
        )

    def read(self, name: Any, leaf: Leaf, key: str) -> Secret:
        """Read a secret from the file ``name``, relative to the settings file with the reference.

        Raises:
            ValueError: ``name`` is not text.
        """
        file = (leaf.origin.directory or Path()) / expect_text(name, "a path")
        if len(self.problems) >= MAX_SIMILAR_PROBLEMS:
            return Secret("", file)
        try:
            value, is_open = read_secret(file)
        except (OSError, ValueError) as error:
            found = f"the secret's file cannot be used: {file}: {lower_first(error_text(error))}"
            self.problems.append(Problem(key, found, str(leaf.origin), path_remedy(name)))
            return Secret("", file)
        if is_open:
            found = f"{file} can be read by others"
            self.warnings.append(Problem(key, found, str(leaf.origin), f"chmod o-r {file}"))
        return Secret(value, file)

    def read_list(self, name: Any, leaf: Leaf, key: str) -> list[Secret]:
        """Read a list of secrets from a file with one secret per line.

        Raises:
            ValueError: ``name`` is not text.
        """
        lines = self.read(name, leaf, key).get_secret_value().splitlines()
        return [Secret(line) for line in lines if line.strip()]
