"""Static seed list for engram-discovery."""
