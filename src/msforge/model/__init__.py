"""Spec -> System: a frozen, flat, integer-indexed plan that any engine can run."""

from __future__ import annotations

from msforge.model.compile import compile_system
from msforge.model.estimate import RunEstimate, estimate
from msforge.model.plan import System
from msforge.model.variants import variant_of
from msforge.model.visits import Reach, Visits, calls_per_request, depth, reach, visits

__all__ = [
    "Reach",
    "RunEstimate",
    "System",
    "Visits",
    "calls_per_request",
    "compile_system",
    "depth",
    "estimate",
    "reach",
    "variant_of",
    "visits",
]
