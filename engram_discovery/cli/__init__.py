"""The command ``engram-discovery``: one file a command, imported when it is called."""
