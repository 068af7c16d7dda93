"""The README's commands in a minimal Debian root: see ``__main__``."""
