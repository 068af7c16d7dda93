"""The version of this package, in the one place from which the build, the code and the docs read it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
