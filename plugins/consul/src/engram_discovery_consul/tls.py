"""TLS towards the agent. Certificates are read again when their files change, so that they can be rotated."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from engram_discovery.provider import FailureKind
from engram_discovery_consul.failures import ConsulError

if TYPE_CHECKING:
    from pathlib import Path

    from engram_discovery_consul.settings import ConsulSettings

__all__ = ["Tls"]


class Tls:
    """The TLS context that the settings ask for.

    Args:
        settings: The table ``[cluster.consul]`` with ``scheme = "https"``.
    """

    def __init__(self, settings: ConsulSettings) -> None:
        self._settings = settings
        self._seen: tuple[tuple[int, int], ...] | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context, a new one if a file changed. Reads small files.

        Raises:
            ConsulError: A file is missing or is no certificate; names the setting.
        """
        seen = tuple(_stamp(key, path) for key, path in self._files())
        if self._context is None or seen != self._seen:
            self._context, self._seen = self._read(), seen
        return self._context

    def _files(self) -> list[tuple[str, Path]]:
        named = {key: getattr(self._settings, key) for key in ("ca_file", "cert_file", "key_file")}
        return [(key, path) for key, path in named.items() if path is not None]

    def _read(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.create_default_context()
        if not settings.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            if settings.ca_file is not None:
                context = _trusting_only(context)
                context.load_verify_locations(settings.ca_file)
        except OSError as error:
            raise _unusable("ca_file", settings.ca_file, error) from None
        try:
            if settings.cert_file is not None:
                # an empty password, so that an encrypted key is an error and not a question on the terminal
                context.load_cert_chain(settings.cert_file, settings.key_file, password="")
        except (OSError, ValueError) as error:
            raise _unusable("cert_file or key_file", settings.cert_file, error) from None
        return context


def _trusting_only(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return a context like ``context`` that does not trust the system's certificates."""
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = context.check_hostname, context.verify_mode
    return bare


def _stamp(key: str, path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise _unusable(key, path, error) from None
    return status.st_mtime_ns, status.st_ino


def _unusable(key: str, path: Path | None, error: Exception) -> ConsulError:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not usable"
    return ConsulError(f"cluster.consul.{key}: {path}: {str(reason).lower()}", FailureKind.CONFIG)
