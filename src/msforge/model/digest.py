"""The digest of a description: equal exactly when two files say the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msforge.model.plan import Source
from msforge.policies.distributions import Dist

PRESENTATION: Final = ("name", "scenarios", "policies", "defaults")
"""Top-level keys that say nothing more once the rest is resolved."""


def digest_of(resolved: Mapping[str, Any], sources: tuple[Source, ...], dists: Iterator[Dist]) -> str:
    """sha256 of the resolved description, hexadecimal.

    Order and spelling of the text make no difference. What other files contribute does: recorded arrival times
    and empirical distributions count by their values, so a changed file is seen.
    """
    content = {key: value for key, value in resolved.items() if key not in PRESENTATION}
    told = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":"), default=str).encode())
    for source in sources:
        if source.arrivals == "given":
            told.update(f"{source.name}{source.times}".encode())
    for values in sorted({dist.params for dist in dists if dist.kind == "empirical"}):
        told.update(repr(values).encode())
    return told.hexdigest()


def parts_of(dist: Dist | None) -> Iterator[Dist]:
    """A distribution and all inside it."""
    if dist is not None:
        yield dist
        for part in dist.parts:
            yield from parts_of(part)
