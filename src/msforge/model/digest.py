"""The digest of a description: equal exactly when two files say the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from msforge.policies.distributions import Dist
from msforge.spec.fields import Part
from msforge.spec.schema_system import SystemModel

PRESENTATION: Final = ("msforge", "name")
"""Top-level keys that decide nothing."""


def digest_of(model: SystemModel) -> str:
    """sha256 of the description as canonical JSON, hexadecimal.

    Every default is filled in, every unit a number, every policy in place, every key sorted: spelling and order
    of the text make no difference. Files that it names (recorded arrivals, measured durations) count by their values.
    """
    content = {key: _plain(value) for key, value in model.__dict__.items() if key not in PRESENTATION}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A value of the description as plain data; a step's or fault's verb is among its keys."""
    if isinstance(value, Part):
        return {key: _plain(item) for key, item in value.__dict__.items()}
    if isinstance(value, Dist):
        return [value.kind, value.params, [_plain(part) for part in value.parts]]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
