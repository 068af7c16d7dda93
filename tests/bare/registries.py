"""How this machine's clients reach the package registries: what a root needs to reach the same ones.

Variables and files are found by the names that pip, uv, Go and apt document. Nothing else is taken along.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Registries", "client_environment", "find_registries"]

_WANTED = re.compile(
    r"(?:https?|all|no)_proxy"
    r"|PIP_(?:INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|CERT|PROXY|DEFAULT_TIMEOUT|TIMEOUT|RETRIES)"
    r"|UV_(?:DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|INSECURE_HOST|NATIVE_TLS|SYSTEM_CERTS|HTTP_TIMEOUT)"
    r"|GO(?:PROXY|SUMDB|NOSUMDB|NOPROXY|PRIVATE|INSECURE)"
    r"|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE",
    re.IGNORECASE,
)
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_LOCAL_AUTHORITIES = Path("/usr/local/share/ca-certificates")
_APT_OPTIONS = re.compile(r"^Acquire::(?:https?|Check-|Retries).*;$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """What the clients in a root are given.

    Attributes:
        environment: Variables of pip, uv and Go, and of every client: proxies and certificate bundles.
        files: Absolute paths of certificates and configuration, which go to the same paths in the root.
        apt_options: Text for a file in ``apt.conf.d``.
        mirror: Where this machine takes the packages of a Debian suite from; None: debootstrap's default.
    """

    environment: Mapping[str, str]
    files: tuple[Path, ...]
    apt_options: str
    mirror: str | None


def find_registries(suite: str) -> Registries:
    """Collect the configuration of this machine's clients; runs apt's own queries, which take no network."""
    system = _pip_settings([Path("/etc/pip.conf")])
    environment = {**system, **client_environment(Path.home(), os.environ)}
    bundles = [Path(value) for name, value in environment.items() if re.search("CERT|CA_BUNDLE", name)]
    configuration = [Path("/etc/uv/uv.toml"), Path("/etc/hosts"), Path("/etc/resolv.conf")]
    files = {_BUNDLE, *bundles, *_LOCAL_AUTHORITIES.glob("**/*.crt"), *configuration}
    index = ["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Release: {suite}"]
    return Registries(
        environment=environment,
        files=tuple(sorted(file for file in files if file.is_absolute() and file.is_file())),
        apt_options="\n".join(_APT_OPTIONS.findall(_output(["apt-config", "dump"]))),
        mirror=next(iter(_output(index).split()), None),
    )


def client_environment(home: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return what an account's files and variables set for the clients, as variables.

    Args:
        home: The account's home directory.
        variables: Its environment, which wins over the files.
    """
    return {
        **_pip_settings([home / ".pip/pip.conf", home / ".config/pip/pip.conf"]),
        **_go_settings(home / ".config/go/env"),
        **_wanted(variables),
    }


def _pip_settings(files: Iterable[Path]) -> dict[str, str]:
    """Read pip's configuration files, later ones over earlier ones, as its variables."""
    parser = configparser.RawConfigParser(strict=False)
    parser.read(files, encoding="utf-8")
    sections = [parser[name] for name in ("global", "install") if parser.has_section(name)]
    found = {
        f"PIP_{key.replace('-', '_').upper()}": " ".join(value.split())
        for section in sections
        for key, value in section.items()
    }
    return _wanted(found)


def _go_settings(file: Path) -> dict[str, str]:
    """Read what ``go env -w`` has written."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return _wanted(dict(line.split("=", 1) for line in lines if "=" in line))


def _wanted(settings: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if _WANTED.fullmatch(name)}


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
