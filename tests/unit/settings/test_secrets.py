"""Secrets are read from values and files, and are absent from every output."""

from __future__ import annotations

import base64
import os
import pickle
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from pydantic import Field, field_validator

from engram_discovery.defaults import MAX_SECRET_SIZE
from engram_discovery.errors import SettingsError
from engram_discovery.settings import Secret, Settings
from engram_discovery.settings.field_types import Table
from engram_discovery.settings.load import try_load
from engram_discovery.settings.secrets import read_secret
from engram_discovery.settings.show import explain, rows
from tests.support.sample_providers import DnsSettings, Installed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.settings.conftest import Load

DNS = '[cluster]\nenabled = true\ndiscovery = "dns"\n[cluster.dns]\nservice = "x"\n'
CANARY = "cAnary-7d1f-sEcret"
KEY = base64.b64encode(b"cAnary-7d1f-sEcret" + b"k" * 14).decode()


def _dns(settings: Settings) -> Any:
    return settings.provider_settings(Installed().provider("dns"))


# --- reading -----------------------------------------------------------------------------------------------


def _file(tmp_path: Path, content: bytes = b"s3cret\n", mode: int = 0o600) -> Path:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("toml", ['token = "s3cret"', 'token = "file:token"', 'token_file = "token"'])
def test_a_secret_is_written_or_read_from_a_file(load: Load, tmp_path: Path, toml: str) -> None:
    """A value, a ``file:`` reference and a ``_file`` key are equivalent; paths are relative to the settings file."""
    _file(tmp_path)

    assert _dns(load(DNS + toml)).token.get_secret_value() == "s3cret"


def test_a_secret_file_may_be_named_by_a_variable(load: Load, tmp_path: Path) -> None:
    """A variable with ``_FILE`` is read like the key with ``_file``, and overrides it."""
    env = {"ENGRAM_CLUSTER__DNS__TOKEN_FILE": str(_file(tmp_path))}

    assert _dns(load(DNS + 'token = "other"', env=env)).token.get_secret_value() == "s3cret"


def test_the_secrets_file_overrides_the_settings_file(load: Load) -> None:
    """A token in .secrets.toml overrides that of engram.toml; the other keys of the table stay."""
    provider = _dns(load(DNS + 'token = "old"', secrets='[cluster.dns]\ntoken = "new"'))

    assert (provider.token.get_secret_value(), provider.service) == ("new", "x")


def test_lists_and_tables_of_secrets_take_references_too(load: Load, tmp_path: Path) -> None:
    """Each element may be a reference; the ``_file`` of a list has one secret per line."""
    _file(tmp_path, b"one\ntwo\n\n")
    settings = load(DNS + 'tokens_file = "token"\nheaders = { A = "file:token", B = "b" }')

    provider = _dns(settings)

    assert [token.get_secret_value() for token in provider.tokens] == ["one", "two"]
    assert provider.headers["A"].get_secret_value() == "one\ntwo\n"
    assert _dns(load(DNS + 'tokens = "a,file:token"')).tokens[0].get_secret_value() == "a"


@pytest.mark.parametrize(
    ("content", "value"), [(b"a", "a"), (b"a\n", "a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a ", " a ")]
)
def test_one_newline_at_the_end_is_dropped(tmp_path: Path, content: bytes, value: str) -> None:
    """One newline at the end is dropped; all other characters belong to the secret."""
    assert read_secret(_file(tmp_path, content))[0] == value


def _make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "empty": (lambda path: path.write_bytes(b"\n"), "empty"),
    "too large": (lambda path: path.write_bytes(b"x" * (MAX_SECRET_SIZE + 1)), "larger than 64 KiB"),
    "not text": (lambda path: path.write_bytes(b"\xff" + CANARY.encode()), "not UTF-8"),
    "a directory": (_make_directory, "a directory"),
    "a pipe": (_make_pipe, "a pipe"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_secret_file_that_cannot_be_used_is_a_problem(load: Load, tmp_path: Path, case: str) -> None:
    """The problem names key, file and reason, never the content; a pipe does not block the load."""
    break_it, reason = UNUSABLE[case]
    break_it(_file(tmp_path))

    with pytest.raises(SettingsError) as raised:
        load(DNS + 'token_file = "token"', host=Installed())

    [problem] = raised.value.problems
    assert problem.key == "cluster.dns.token_file"
    assert reason in problem.found
    assert CANARY not in str(problem)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)])
def test_a_secret_file_that_others_can_read_is_a_warning(
    load: Load, tmp_path: Path, mode: int, *, warned: bool
) -> None:
    """A secret file that others can read causes a warning; owner and group may read it."""
    _file(tmp_path, mode=mode)

    settings = load(DNS + 'token_file = "token"', host=Installed())

    assert any("can be read by others" in str(warning) for warning in settings.warnings) == warned


def test_a_secrets_file_that_others_can_read_is_a_warning(load: Load, tmp_path: Path) -> None:
    """The permissions of .secrets.toml are checked like those of a secret file."""
    load(secrets="[cluster]")
    (tmp_path / ".secrets.toml").chmod(0o644)

    settings = load(secrets="[cluster]")

    assert any("chmod 600" in str(warning) for warning in settings.warnings)


# --- redaction ---------------------------------------------------------------------------------------------


def _forms(secret: str) -> list[str]:
    raw = secret.encode()
    return [secret, quote(secret, safe=""), base64.b64encode(raw).decode().rstrip("="), raw.hex()]


def _is_clean(text: str) -> None:
    for form in (*_forms(CANARY), KEY):
        assert form not in text


SECRETS = f"""
[cluster.security]
keys = ["{KEY}"]
[cluster.dns]
token = "{CANARY}"
tokens = ["{CANARY}1", "{CANARY}2"]
headers = {{ Authorization = "{CANARY}" }}
meta = {{ url = "https://user:{CANARY}@example.com/" }}
"""


@pytest.mark.parametrize("where", ["file", "secrets", "keyword"])
def test_settings_show_no_secret(load: Load, where: str) -> None:
    """No repr, string, row or explanation of the settings contains a secret, whatever layer set it."""
    toml = DNS.replace("[cluster.dns]\n", "") if where == "file" else DNS
    if where == "file":
        settings = load(toml.replace('service = "x"\n', "") + SECRETS + 'service = "x"\n', host=Installed())
    elif where == "secrets":
        settings = load(toml, secrets=SECRETS, host=Installed())
    else:
        overrides = {"dns.token": CANARY, "security.keys": [KEY], "dns.tokens": [CANARY]}
        settings = load(toml, overrides=overrides, host=Installed())
    provider = _dns(settings)
    models: Any = {"dns": provider}

    shown = [
        *(repr(item) for item in (settings, settings.cluster, settings.provider_tables, settings.origins)),
        *(repr(item) for item in (provider.token, provider.tokens, provider.headers, settings.warnings)),
        *(str(item) for item in (settings, provider.token)),
        provider.model_dump_json(exclude={"meta"}),
        *(str(row) for row in rows(settings, models)),
        *(str(row) for row in rows(settings, {})),
        *(
            str(explain(key, settings.origins, {"dns": DnsSettings}))
            for key in ("cluster.dns.token", "cluster.dns.tokens", "cluster.dns.headers", "cluster.dns.meta")
        ),
        str(explain("cluster.security.keys", settings.origins, {})),
        repr(settings.origins.leaf("cluster.dns.token")),
    ]

    _is_clean("\n".join(shown))
    assert provider.token.get_secret_value() == CANARY


class Quoting(Table):
    """Settings of a plugin whose validator quotes the refused value."""

    token: Secret | None = Field(default=None, description="A token.")
    tokens: tuple[Secret, ...] = Field(default=(), description="Tokens.")

    @field_validator("token", "tokens", mode="before")
    @classmethod
    def _refuse(cls, value: Any) -> Any:
        text = value.get_secret_value() if isinstance(value, Secret) else value[0].get_secret_value()
        raise ValueError(f"{text} is not good")


FAILING: dict[str, dict[str, Any]] = {
    "a wrong key": {"toml": f'[cluster.security]\nkeys = ["{CANARY}"]'},
    "a key twice": {"toml": f'[cluster.security]\nkeys = ["{KEY}", "{KEY}"]'},
    "an unknown key": {"toml": f'{DNS}tokn = "{CANARY}"'},
    "an unknown key in the secrets file": {"toml": DNS, "secrets": f'[cluster.dns]\ntokn = "{CANARY}"'},
    "a list of tables": {"toml": f'[[cluster.security]]\nkeys = ["{CANARY}"]'},
    "text for a table": {"env": {"ENGRAM_CLUSTER__SECURITY": CANARY}},
    "a token in a list": {"toml": f'{DNS}token = ["{CANARY}"]'},
    "a token in a table": {"toml": f'{DNS}token = {{ a = "{CANARY}" }}'},
    "a token as a list": {"toml": f'{DNS}tokens = {{ a = "{CANARY}" }}'},
    "a secret where a number is wanted": {"toml": DNS, "secrets": f'[cluster.dns]\nport = "{CANARY}"'},
    "a broken file": {"toml": f'[cluster.dns]\ntoken = "{CANARY}'},
    "a broken secrets file": {"secrets": f'[cluster.dns]\ntoken = "{CANARY}'},
    "no value": {"toml": f"[cluster.dns]\ntoken = {CANARY}"},
    "a key twice in a file": {"toml": f'[cluster.dns]\ntoken = "{CANARY}"\ntoken = "{CANARY}2"'},
    "two variables": {
        "env": {"ENGRAM_CLUSTER__DNS__TOKEN": CANARY, "ENGRAM_CLUSTER__dns__TOKEN": f"{CANARY}2"}
    },
    "a variable that was meant for us": {"env": {"ENGRAM_CLUSTER_DNS__TOKEN": CANARY}},
    "an option without a key": {"cli_overrides": [f"={CANARY}"]},
    "a plugin that quotes": {
        "toml": f'[cluster]\nenabled = true\ndiscovery = "q"\n[cluster.q]\ntoken = "{CANARY}"',
        "host": Installed({"q": Quoting}),
    },
    "a plugin that quotes one of a list": {
        "toml": f'[cluster]\nenabled = true\ndiscovery = "q"\n[cluster.q]\ntokens = ["{CANARY}", "b"]',
        "host": Installed({"q": Quoting}),
    },
    "something else": {
        "toml": f'{DNS}token = "{CANARY}"\nport = 0',
        "env": {"ENGRAM_CLUSTER__SECURITY__KEYS": KEY},
        "cli_overrides": [f"dns.tokens={CANARY}"],
        "overrides": {"dns.headers": {"A": CANARY}},
    },
    "a url": {"toml": f'{DNS}servers = ["http://user:{CANARY}@example.com"]'},
}


@pytest.mark.parametrize("case", FAILING)
def test_no_error_holds_a_secret(load: Load, case: str) -> None:
    """No message, problem, cause or local variable of this package's frames contains a secret after a failed load."""
    arguments = {"toml": "", "host": Installed(), **FAILING[case]}

    with pytest.raises(SettingsError) as raised:
        load(**arguments)

    error: BaseException = raised.value
    assert error.__cause__ is None
    assert error.__context__ is None
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in with_locals.stack if "/engram_discovery/" in frame.filename]
    assert frames
    shown = [str(error), repr(error), repr(raised.value.problems), *(str(frame.locals) for frame in frames)]
    _is_clean("\n".join(shown))


def test_a_load_result_shows_no_secret(tmp_path: Path) -> None:
    """The repr of a ``LoadResult`` contains no secret."""
    path = tmp_path / "engram.toml"
    path.write_text(SECRETS)

    result = try_load(path, environ={"ENGRAM_CLUSTER__DNS__TOKEN": CANARY})

    _is_clean(repr(result))


def test_a_secret_can_be_copied_but_not_read_by_mistake() -> None:
    """No format of a secret shows its value; ``pickle`` keeps it."""
    secret = Secret(CANARY)

    _is_clean(f"{secret} {secret!r} {secret!s} {[secret]} { ({'a': secret}) }")
    assert pickle.loads(pickle.dumps(secret)).get_secret_value() == CANARY
