"""Follow the references of secrets to their files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from engram_discovery.errors import Problem
from engram_discovery.settings.field_types import expect_text
from engram_discovery.settings.problems import MOST_ALIKE, path_remedy
from engram_discovery.settings.secrets import Secret, read_secret

if TYPE_CHECKING:
    from engram_discovery.settings.origins import Leaf

__all__ = ["SecretResolver"]

_REFERENCE = "file:"


@dataclass(slots=True)
class SecretResolver:
    """Reads the files that secrets refer to, and collects what is wrong with them.

    A file that cannot be read is a problem; its secret is then empty, so that the rest is looked at too. After
    many such problems no further file is tried.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def resolve(self, value: Any, leaf: Leaf, key: str) -> Any:
        """Wrap a secret, or each of a list, following ``file:`` references.

        Raises:
            ValueError: It is neither text nor a secret.
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
        """Read a secret from the file ``name``, relative to the settings file that names it.

        Raises:
            ValueError: ``name`` is no text.
        """
        file = (leaf.origin.directory or Path()) / expect_text(name, "a path")
        if len(self.problems) >= MOST_ALIKE:
            return Secret("", file)
        try:
            value, is_open = read_secret(file)
        except (OSError, ValueError) as error:
            reason = (error.strerror or "unreadable").lower() if isinstance(error, OSError) else str(error)
            found = f"the secret's file cannot be used: {file}: {reason}"
            self.problems.append(Problem(key, found, str(leaf.origin), path_remedy(name)))
            return Secret("", file)
        if is_open:
            found = f"{file} can be read by others"
            self.warnings.append(Problem(key, found, str(leaf.origin), f"chmod o-r {file}"))
        return Secret(value, file)

    def read_list(self, name: Any, leaf: Leaf, key: str) -> list[Secret]:
        """Read a list of secrets, one a line.

        Raises:
            ValueError: ``name`` is no text.
        """
        lines = self.read(name, leaf, key).get_secret_value().splitlines()
        return [Secret(line) for line in lines if line.strip()]
