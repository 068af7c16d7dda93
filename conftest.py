"""What holds for every test run."""

from __future__ import annotations

import gc
from contextlib import suppress

with suppress(ModuleNotFoundError):  # the examples are tested without it
    from hypothesis import settings

    # A busy machine makes an example slow, not wrong; pytest-timeout ends a test that hangs.
    settings.register_profile("no-deadline", deadline=None)
    settings.load_profile("no-deadline")


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through all that was imported, again and again: a tenth of the time."""
    gc.collect()
    gc.freeze()
