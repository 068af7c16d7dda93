"""Set up every test run."""

from __future__ import annotations

import gc
import signal
from contextlib import suppress

with suppress(ModuleNotFoundError):  # the examples are tested without it
    from hypothesis import settings

    # A busy machine makes an example slow, not wrong; pytest-timeout ends a test that hangs.
    settings.register_profile("no-deadline", deadline=None)
    settings.load_profile("no-deadline")


def pytest_configure() -> None:
    """Restore Ctrl-C: a shell ignores SIGINT for a job in the background, and child processes would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Freeze the imported objects: the garbage collector would take a tenth of the time to scan them again."""
    gc.collect()
    gc.freeze()
