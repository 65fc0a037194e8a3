"""The command line: parse, call the public door, choose a report, exit code. No logic, and nothing heavy at import."""

from __future__ import annotations

from msforge.cli.app import app, main

__all__ = ["app", "main"]
