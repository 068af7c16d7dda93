"""Render values as one line of text that is safe to print: for messages, logs, tables and answers.

Text from outside (a server, a file, another node) may hold control characters, line breaks or megabytes. Every
message of this package passes it through here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["comma_list", "error_text", "printable"]


def printable(value: object, *, max_length: int | None = None) -> str:
    """Return ``str(value)`` on one line: control characters are escaped, the end beyond ``max_length`` is ``…``."""
    text = str(value)
    if max_length is not None and len(text) > max_length:
        text = f"{text[: max_length - 1]}…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def error_text(error: BaseException) -> str:
    """Return what went wrong, without errno and file name; the class name where the error has no message."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def comma_list(values: Iterable[object], *, limit: int | None = None) -> str:
    """Return ``a, b, c``; with a ``limit``, the first ones and how many more there are."""
    texts = [str(value) for value in values]
    if limit is not None and len(texts) > limit:
        return f"{', '.join(texts[:limit])} and {len(texts) - limit} more"
    return ", ".join(texts)
