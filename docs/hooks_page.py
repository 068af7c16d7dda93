"""Write ``docs/reference/hooks.md`` from the hook specifications, the protocols and the contract suites.

python -m docs.hooks_page
"""
# ruff: noqa: INP001  a script beside the pages, no package

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from engram_discovery import errors, hookspecs, protocols, testing, types
from engram_discovery.testing import contracts, pytest_plugin
from engram_discovery.testing.contracts.provider import ProviderContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["PAGE", "hooks", "members", "page", "promises"]

PAGE = Path(__file__).parent / "reference" / "hooks.md"
PROTOCOLS = [getattr(protocols, name) for name in protocols.__all__]
GIVEN = [hookspecs.PluginContext, hookspecs.MembershipConfig, types.NodeIdentity, types.NodeRecord]
RETURNED = [types.ProviderInfo, types.Endpoint, types.Found, types.Empty, types.Lease, types.CheckResult]
WORDS = [errors.FailureKind, types.CheckStatus]
RAISED = [errors.DiscoveryError, errors.RegistrationError]
SUITES = [
    contracts.PluginContract,
    contracts.DiscovererContract,
    contracts.RegistrarContract,
    contracts.HealthCheckContract,
    contracts.MembershipContract,
]

_INTRO = """\
# Hooks, protocols and contract suites

Version {version} of the contract between host and plugins. This page is written by `python -m docs.hooks_page`. Do not
edit it.
"""
_SECTION = re.compile(r"(Args|Returns|Raises|Attributes):\n((?:    .*\n?|\n(?=    ))+)", re.MULTILINE)
_ENTRY = re.compile(r"^(\w+): ", re.MULTILINE)


def page() -> str:
    """Return the whole page."""
    return "\n".join([_INTRO.format(version=hookspecs.API_VERSION), *_chapters()])


def hooks() -> dict[str, Callable[..., object]]:
    """Return every hook by name."""
    return {name: spec for name, spec in vars(hookspecs.HookSpecs).items() if name.startswith("engram_")}


def members(protocol: type) -> dict[str, object]:
    """Return every method and property that a protocol asks for, by name."""
    return {name: member for name, member in vars(protocol).items() if not name.startswith("_")}


def promises(suite: type) -> dict[str, str]:
    """Return the first line of every test's docstring, by name, in the order in which they are written."""
    tests = {
        name: test
        for one in reversed(suite.__mro__)
        for name, test in vars(one).items()
        if name.startswith("test_")
    }
    return {name: " ".join((inspect.getdoc(test) or "").split()) for name, test in tests.items()}


def _chapters() -> Iterator[str]:
    yield _text(inspect.getdoc(hookspecs) or "")
    yield "## Hooks\n"
    for name, spec in hooks().items():
        yield f"### `{name}`\n\n{_signature(name, spec)}\n{_text(inspect.getdoc(spec) or '')}"
    yield f"## Protocols\n\n{_text(inspect.getdoc(protocols) or '')}"
    for protocol in PROTOCOLS:
        yield _class(protocol)
        for name, member in members(protocol).items():
            text = _text(inspect.getdoc(member) or "")
            yield f"#### `{protocol.__name__}.{name}`\n\n{_signature(name, member)}\n{text}"
    for title, classes in (
        ("What a plugin is given", GIVEN),
        ("What it returns", RETURNED),
        ("What it raises", RAISED),
    ):
        yield f"## {title}\n"
        yield from map(_class, classes)
    for words in WORDS:
        yield f"### `{words.__name__}`\n\n{_text(inspect.getdoc(words) or '')}"
        yield "".join(f"- `{word}`\n" for word in words)
    yield "## Fakes and fixtures\n\nIn `engram_discovery.testing`; pytest finds the fixtures by itself.\n"
    yield _table(("name", "is"), ((name, _first(getattr(testing, name))) for name in testing.__all__))
    yield _table(("fixture", "gives"), fixtures().items())
    yield "## Contract suites\n\nIn `engram_discovery.testing.contracts`; subclass them in your tests.\n"
    yield "### What every suite of a provider needs\n\n" + _text(inspect.getdoc(ProviderContract) or "")
    for name in ("make_backend", "settings"):
        method = getattr(ProviderContract, name)
        yield f"{_signature(name, method)}\n{_text(inspect.getdoc(method) or '')}"
    yield _class(contracts.Backend)
    for name, method in members(contracts.Backend).items():
        yield f"{_signature(name, method)}\n{_text(inspect.getdoc(method) or '')}"
    for suite in SUITES:
        yield _class(suite)
        yield _table(("test", "promise"), promises(suite).items())


def fixtures() -> dict[str, str]:
    """Return what each fixture of the test kit gives, by name."""
    made = {name: getattr(pytest_plugin, name) for name in pytest_plugin.__all__}
    return {name: _first(fixture) for name, fixture in made.items()}


def _class(described: type) -> str:
    shown = _fields(described) if dataclasses.is_dataclass(described) else ""
    return f"### `{described.__name__}`\n\n{shown}{_text(inspect.getdoc(described) or '')}"


def _fields(described: Any) -> str:
    """Show where a value is imported from, and the types and defaults of its fields."""
    fields = dataclasses.fields(described)
    lines = [f"    {field.name}: {field.type}{_default(field)}\n" for field in fields]
    start = f"from {described.__module__} import {described.__name__}\n\n\nclass {described.__name__}:\n"
    return f"```python\n{start}{''.join(lines)}```\n\n"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return f" = {dict(field.default_factory())}"  # every one of them is an empty mapping
    return "" if field.default is dataclasses.MISSING else f" = {field.default!r}".replace("'", '"')


def _first(described: object) -> str:
    """Return the first paragraph of a docstring as one line."""
    return " ".join((inspect.getdoc(described) or "").partition("\n\n")[0].split())


def _signature(name: str, member: object) -> str:
    if isinstance(member, property):
        member, name = member.fget, f"@property\ndef {name}"
    else:
        name = f"{'async ' if inspect.iscoroutinefunction(member) else ''}def {name}"
    shown = str(inspect.signature(member))  # type: ignore[arg-type]
    for old, new in (("'", ""), ("(self, ", "("), ("(self)", "()")):
        shown = shown.replace(old, new)
    return f"```python\n{name}{shown}\n```\n"


def _text(docstring: str) -> str:
    """Turn a docstring into Markdown: its sections become lists, its ``::`` blocks are indented code as they are."""
    text = _SECTION.sub(_section, docstring.rstrip() + "\n")
    return text.replace("::\n", ":\n").replace("``", "`")


def _section(match: re.Match[str]) -> str:
    body = dedent(match[2]).strip()
    if match[1] == "Returns":
        return f"**Returns:** {' '.join(body.split())}\n"
    entries = _ENTRY.split(body)[1:]
    pairs = zip(entries[::2], entries[1::2], strict=True)
    return f"**{match[1]}:**\n\n" + "".join(f"- `{name}`: {' '.join(text.split())}\n" for name, text in pairs)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [head, ("---", "---"), *((f"`{name}`", text.replace("``", "`")) for name, text in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
