"""Distributions that install the same files: the one installed last overwrites the other, and pip does not warn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions

__all__ = ["Overwritten", "find_overwritten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overwritten:
    """A requirement of a plugin, and another distribution that installs the same files.

    Attributes:
        requirement: As the plugin declares it: ``py-consul<2,>=1.8``.
        required: Its distribution: ``py-consul``.
        other: The other distribution: ``python-consul``.
        file: One file that both install.
    """

    requirement: str
    required: str
    other: str
    file: str

    @property
    def message(self) -> str:
        """The fault: both distributions, and a file of both."""
        return f"needs {self.required}, but {self.other} installs {self.file} too: the one installed last is imported"

    @property
    def remedy(self) -> str:
        """The commands that repair it, and why both must be removed."""
        return (
            "uninstall both before installing one again, since removing one takes files of the other with it: "
            f'pip uninstall -y {self.other} {self.required} && pip install "{self.requirement}"'
        )


def find_overwritten(plugin: str) -> list[Overwritten]:
    """Compare the files of what a plugin's distribution requires with those of all others. Reads their records."""
    installed = {_name(one): _modules(one) for one in distributions()}
    return [
        Overwritten(requirement=requirement, required=required, other=other, file=min(common))
        for requirement, required in _requirements(plugin)
        for other in sorted(installed.keys() - {required})
        if (common := installed.get(required, frozenset()) & installed[other])
    ]


def _requirements(plugin: str) -> list[tuple[str, str]]:
    """Return what a distribution requires, each as declared and by its bare name."""
    try:
        declared = distribution(plugin).requires or []
    except PackageNotFoundError:
        return []
    lines = [line.partition(";")[0].strip() for line in declared]
    return [(line, _canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0])) for line in lines]


def _modules(one: Distribution) -> frozenset[str]:
    """Return the Python files of a distribution; none if its installer kept no record."""
    lines = (one.read_text("RECORD") or "").splitlines()
    files = (line.partition(",")[0] for line in lines)
    return frozenset(file for file in files if file.endswith(".py"))


def _name(one: Distribution) -> str:
    return _canonical(one.metadata["Name"] or "")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
