# Yours: msforge wrote this once. Put requests here that your handlers can serve.
"""Requests and messages that the tests hand to handlers; for one that is not here, every field has its default."""

from __future__ import annotations

from typing import Any

EXAMPLES: dict[str, Any] = {}
"""By the name of the handler, e.g. {"{{ (cookiecutter._service.endpoints + cookiecutter._service.consumers + [{"function": "place"}])[0].function }}": models....}."""
