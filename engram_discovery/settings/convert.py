"""Give a value the type that its field wants, and guess nothing.

Text from the environment or the command line is read as the field wants it. Values from a file or a keyword
have a type already: a quoted number is not a number, and ``true`` is not 1.
"""

from __future__ import annotations

import math
import re
import tomllib
from typing import TYPE_CHECKING, Any

from engram_discovery.settings.field_info import FieldSpec, Kind
from engram_discovery.settings.field_types import split_list

if TYPE_CHECKING:
    from engram_discovery.settings.origins import Leaf

__all__ = ["convert"]

_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
#: TOML promises integers of 64 bits; Python's parser reads any, and not everything behind us can.
_MOST = 2**63
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


def convert(leaf: Leaf, want: FieldSpec) -> Any:
    """Return the value as ``want`` wants it.

    Raises:
        ValueError: It is something else. The message is empty: the caller says what was expected.
    """
    value = leaf.value
    match want.kind:
        case Kind.TRUTH:
            return _truth(value, is_text=leaf.is_text)
        case Kind.INTEGER:
            return _integer(value, is_text=leaf.is_text)
        case Kind.NUMBER:
            return _number(value, is_text=leaf.is_text)
        case Kind.PATH if isinstance(value, str) and value.startswith("~"):
            raise ValueError  # a directory of that name would be made in the working directory
        case Kind.LIST if isinstance(value, str):
            return _list(value)
        case Kind.MAPPING if leaf.is_text:
            return _toml(value)
    if want.kind is Kind.TABLE or (want.kind is Kind.TEXT and not isinstance(value, str)):
        raise ValueError
    return value


def _truth(value: Any, *, is_text: bool) -> bool:
    if is_text:
        value = _WORDS.get(value.lower())
    if isinstance(value, bool):
        return value
    raise ValueError


def _integer(value: Any, *, is_text: bool) -> int:
    if is_text and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -_MOST <= value < _MOST:
        return value
    raise ValueError


def _number(value: Any, *, is_text: bool) -> float:
    number = float(value) if is_text else value
    if isinstance(number, int):
        return _integer(number, is_text=False)
    if not isinstance(number, float) or not math.isfinite(number):
        raise ValueError
    return number


def _list(text: str) -> Any:
    """Read a TOML list, or a comma list, whose first element may be ``[::1]:7946``."""
    if text.lstrip().startswith("["):
        try:
            return _toml(text)
        except ValueError:
            if text.lstrip()[1:].lstrip().startswith(("'", '"')):
                raise
    return split_list(text)


def _toml(text: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        raise ValueError from None
    if set(document) != {"value"}:
        raise ValueError
    return document["value"]
