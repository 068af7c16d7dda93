"""Helpers that tests of more than one place share."""
