"""What holds for every test run."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through all that was imported, again and again: a tenth of the time."""
    gc.collect()
    gc.freeze()
