"""The command ``recommend``."""

from recommend.cli.main import main

__all__ = ["main"]
