"""What theory says of a system before any dice are thrown: `explain`, and `lint` for what looks wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from msforge.analysis.advice import lint
    from msforge.analysis.explanation import Explanation
    from msforge.analysis.theory import explain

__all__ = ["Explanation", "explain", "lint"]

_HOME = {"Explanation": "explanation", "explain": "theory", "lint": "advice"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
