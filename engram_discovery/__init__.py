"""Discovery, registration and cluster formation for the processes of a Python service."""

from __future__ import annotations

__version__ = "0.1.0"
