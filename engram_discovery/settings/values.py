"""The kinds of value that a setting can be: durations, addresses, lists of names, secrets."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr

from engram_discovery.address import format_address, parse_address

__all__ = ["BindAddress", "Duration", "Names", "SecretList", "parse_duration"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(value: Any) -> float:
    """Read seconds from a number or from text such as ``"30s"`` or ``"1m30s"``.

    Raises:
        ValueError: It is no duration above zero.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError('expected a duration such as 30, "30s" or "1m30s"')
    if isinstance(value, str):
        parts = _PART.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            raise ValueError('expected a duration such as 30, "30s" or "1m30s"')
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return float(value)


def _bind(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError('expected an address such as "0.0.0.0:7946"')
    return format_address(parse_address(value))


def _names(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(parse_duration)]
BindAddress = Annotated[str, BeforeValidator(_bind)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
SecretList = Annotated[tuple[SecretStr, ...], BeforeValidator(_names)]
