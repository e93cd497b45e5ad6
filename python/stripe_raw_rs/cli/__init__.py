"""Modules that only the command line needs."""
