"""Step by step through what a discoverer's ``watch`` yields."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engram_discovery.types import Empty, Found

__all__ = ["close_stream", "next_answer"]


async def next_answer(stream: AsyncIterator[Found | Empty]) -> Found | Empty | None:
    """Return the next answer, or None at the end of the stream."""
    try:
        return await anext(stream)
    except StopAsyncIteration:
        return None


async def close_stream(stream: AsyncIterator[Found | Empty]) -> None:
    """Close a stream, if it is of a kind that can be closed."""
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
