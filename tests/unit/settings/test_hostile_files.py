"""Hostile and wrong files: one short error each, within a time limit, without the content."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from engram_discovery.defaults import MAX_SETTINGS_PARTS
from engram_discovery.errors import SettingsError
from engram_discovery.settings import load_settings
from engram_discovery.settings.load import try_load
from tests.support.sample_providers import Installed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CANARY = "canary-9f3c"


def _refused(path: Path, **more: object) -> str:
    started = time.process_time()
    with pytest.raises(SettingsError) as raised:
        load_settings(path, environ={}, **more)  # type: ignore[arg-type]
    assert (
        time.process_time() - started < 5.0
    )  # quadratic work takes minutes; tests.bench.settings measures the times
    message = str(raised.value)
    assert str(path) in message
    assert CANARY not in message
    return message


BYTES: dict[str, tuple[bytes, str]] = {
    "not UTF-8": (b'[cluster]\nname = "\xff' + CANARY.encode() + b'"', "not UTF-8 (byte 18)"),
    "UTF-16": ('[cluster]\nname = "x"'.encode("utf-16"), "not UTF-8"),
    "NUL": (b'[cluster]\nname = "\x00"', "not valid TOML"),
    "duplicate key": (b"[cluster]\nenabled = true\nenabled = false\nx = 1", "line 3"),
    "duplicate table": (b"[cluster]\n[cluster]", "line 2"),
    "unclosed string": (b'[cluster]\ntoken = "' + CANARY.encode(), "not valid TOML"),
    "no value": (b"[cluster]\ntoken = " + CANARY.encode(), "line 2, column 9"),
    "yaml": (b"cluster:\n  enabled: true\n", "line 1"),
    "nested arrays": (b"x = " + b"[" * 5000, "not valid TOML"),
    "nested closed arrays": (b"x = " + b"[" * 60 + b"]" * 60, "nested deeper than 16"),
    "nested tables": (b"[cluster." + b".".join([b"a"] * 20) + b"]\nb = 1", "nested deeper than 16"),
    "nested keys": (b"a." * 20_000 + b"a = 1", "nested deeper than 16"),
    "strings without end": (b"a.a,=" * 10_000 + b'"\\' * 400_000, "more than 10000 keys"),
    "huge number": (b"x = " + b"9" * 5000, "not valid TOML"),
}


@pytest.mark.parametrize("case", BYTES)
def test_invalid_content_is_refused(tmp_path: Path, case: str) -> None:
    """Content that cannot be parsed is refused with file, line and rule, without the value."""
    data, reason = BYTES[case]
    path = tmp_path / "engram.toml"
    path.write_bytes(data)

    message = _refused(path)

    assert reason in message


def _directory(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)


def _below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.touch()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


KINDS: list[tuple[Callable[[Path], None], str]] = [
    (_directory, "a directory, not a file"),
    (_fifo, "a pipe, socket or device"),
    (_socket, "a pipe, socket or device"),
    (_device, "a pipe, socket or device"),
    (_loop, "symbolic links"),
    (_huge, "larger than 1024 KiB"),
    (_below_a_file, "not a directory"),
]


@pytest.mark.parametrize(("make", "reason"), KINDS, ids=lambda item: getattr(item, "__name__", ""))
def test_a_path_that_cannot_be_a_settings_file_is_refused(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    """A directory, a pipe, a device, a loop of links and 100 MB are refused; a pipe does not block."""
    (tmp_path / "d").mkdir()
    path = tmp_path / "d" / "e.toml"
    make(path)

    message = _refused(path)

    assert reason in message


def test_a_secrets_file_that_cannot_be_read_is_an_error_too(tmp_path: Path) -> None:
    """A secrets file that cannot be read is an error."""
    (tmp_path / "engram.toml").write_text("")
    (tmp_path / ".secrets.toml").symlink_to(".secrets.toml")

    with pytest.raises(SettingsError, match=r"\.secrets\.toml"):
        load_settings(tmp_path / "engram.toml", environ={})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without read permission")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    """A file without read permission is refused with the reason."""
    path = tmp_path / "engram.toml"
    path.write_text("")
    path.chmod(0)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o011)

    os.seteuid(65534)
    try:
        message = _refused(path)
    finally:
        os.seteuid(0)

    assert "permission denied" in message


FULL: dict[str, str] = {
    "keys": "[cluster]\n" + "k = 1\n",
    "keys of another program": "[storage]\n" + "k = 1\n",
    "tables": "[cluster]\n" + "[cluster.x]\n",
    "arrays of tables": "[cluster]\n" + "[[cluster.x]]\n",
    "inline tables": "[cluster]\n" + "x = {a = {b = {}}}\n",
    "elements": "cluster.static.seed_nodes = [\n" + '"h:1",\n',
    "lists in lists": "x = [\n" + "[[]],\n",
    "dotted keys": "[cluster]\n" + "a.b.c.d.e.f.g.h=1\n",
}


@pytest.mark.parametrize("shape", FULL)
def test_a_large_file_full_of_keys_is_refused_before_it_is_parsed(tmp_path: Path, shape: str) -> None:
    """A file with more parts than ``MAX_SETTINGS_PARTS`` is refused, whatever they are."""
    head, line = FULL[shape].split("\n", 1)
    path = tmp_path / "engram.toml"
    path.write_text(f"{head}\n" + line * (MAX_SETTINGS_PARTS + 1))

    assert f"more than {MAX_SETTINGS_PARTS} keys, tables and list elements" in _refused(path)


MANY = 4900
WRONG: dict[str, tuple[str, str]] = {
    "unknown keys": ("\n".join(f"k{n} = 1" for n in range(MANY)), f"cluster: {MANY - 20} more unknown keys"),
    "bad elements": (f"spaces = [{'1,' * MANY}]", f"cluster.spaces: {MANY - 20} more problems like these"),
    "bad seeds": (f"static.seed_nodes = [{'1,' * MANY}]", f"{MANY - 20} more problems like these"),
}


@pytest.mark.parametrize("case", WRONG)
def test_similar_problems_are_reported_up_to_a_limit_and_counted(tmp_path: Path, case: str) -> None:
    """The first problems of each kind are reported, and the rest counted."""
    lines, rest = WRONG[case]
    path = tmp_path / "engram.toml"
    path.write_text(f"[cluster]\nenabled = true\nzone = 1\n{lines}")

    with pytest.raises(SettingsError) as raised:
        load_settings(path, environ={}, host=Installed())

    assert len(raised.value.problems) == 20 + 1 + 1
    assert rest in str(raised.value)
    assert "cluster.zone: expected text" in str(raised.value)


def test_similar_warnings_are_reported_up_to_a_limit_and_counted(tmp_path: Path) -> None:
    """Warnings are bounded like problems."""
    path = tmp_path / "engram.toml"
    switches = "".join(f"dynaconf_{n} = 1\n" for n in range(30))
    path.write_text(switches + "[cluster]\nenabled = true\n" + "".join(f"t{n}.a = 1\n" for n in range(30)))

    warnings = [str(warning) for warning in load_settings(path, environ={}, host=Installed()).warnings]

    assert "10 more keys of dynaconf" in warnings
    assert "cluster: 10 more tables of no provider" in warnings
    assert len(warnings) == 21 + 21 + 1


def test_a_long_key_is_cut(tmp_path: Path) -> None:
    """An error cuts a long key."""
    path = tmp_path / "engram.toml"
    path.write_text(f"[cluster]\n{'k' * 1_000_000} = 1")

    assert len(_refused(path)) < 1000


def test_prose_in_comments_and_strings_is_not_counted(tmp_path: Path) -> None:
    """Comments and strings do not count towards the limit of keys, tables and elements."""
    path = tmp_path / "engram.toml"
    path.write_text(
        "# a = [b], {c}.\n" * 10_000 + f'[cluster]\nname = "a"\n[other]\ntext = "{",.=[" * 10_000}"'
    )

    settings = load_settings(path, environ={})

    assert settings.cluster.name == "a"
    assert settings.origins["cluster.name"].line == 10_002


@pytest.mark.parametrize("parts", [MAX_SETTINGS_PARTS, MAX_SETTINGS_PARTS + 1])
def test_the_limit_of_keys_is_exact(tmp_path: Path, parts: int) -> None:
    """A file with exactly as many parts as allowed is read; one more is refused."""
    path = tmp_path / "engram.toml"
    path.write_text(f"x = [{','.join(['1'] * (parts - 1))}]")

    assert bool(try_load(path, environ={}).problems) == (parts > MAX_SETTINGS_PARTS)


def test_byte_order_mark_and_windows_lines_are_accepted(tmp_path: Path) -> None:
    """A byte order mark and CRLF line ends are accepted, and the line numbers are right."""
    path = tmp_path / "engram.toml"
    path.write_bytes(b'\xef\xbb\xbf[cluster]\r\nname = "a"\r\nzone = "b"\r\n')

    settings = load_settings(path, environ={})

    assert (settings.cluster.name, settings.cluster.zone) == ("a", "b")
    assert settings.origins["cluster.zone"].line == 3


@pytest.mark.parametrize("depth", [20, 50_000])
def test_variables_and_overrides_are_bounded_in_depth(depth: int) -> None:
    """Variables and overrides deeper than ``MAX_TABLE_DEPTH`` are refused."""
    name = "__".join(["A"] * depth)

    with pytest.raises(SettingsError, match="nested deeper than 16"):
        load_settings(environ={f"ENGRAM_CLUSTER__{name}": "1"})
