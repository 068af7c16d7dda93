"""``python -m engram_discovery`` is the command ``engram-discovery``."""

from engram_discovery.cli.main import main

main()
