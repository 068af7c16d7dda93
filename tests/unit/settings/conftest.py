from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from engram_discovery.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path


class Load(Protocol):
    """Load settings from TOML text, a secrets file and variables, in a temporary directory."""

    def __call__(
        self, toml: str = "", *, secrets: str = "", env: dict[str, str] | None = None, **more: Any
    ) -> Settings: ...


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def _load(
        toml: str = "", *, secrets: str = "", env: dict[str, str] | None = None, **more: Any
    ) -> Settings:
        file = tmp_path / "engram.toml"
        file.write_text(toml, encoding="utf-8")
        if secrets:
            (tmp_path / ".secrets.toml").touch(mode=0o600)
            (tmp_path / ".secrets.toml").write_text(secrets, encoding="utf-8")
        return load_settings(file, environ=env or {}, **more)

    return _load
