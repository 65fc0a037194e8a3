"""msforge: describe a system of microservices in one YAML file, simulate it, see what a change does.

>>> import msforge
>>> result = msforge.simulate("shop.yaml", scenario="payment-down", seed=7)   # doctest: +SKIP
>>> result.story.headline                                                     # doctest: +SKIP
"""

from __future__ import annotations

from msforge.door import (
    check,
    compare,
    copy_example,
    estimate,
    examples,
    explain,
    load,
    read_result,
    schema,
    simulate,
    write_result,
)
from msforge.errors import (
    ConflictError,
    ConservationError,
    Diagnostic,
    InvalidFileError,
    MsforgeError,
    ResultFormatError,
    Severity,
    UsageError,
)

__all__ = [
    "ConflictError",
    "ConservationError",
    "Diagnostic",
    "InvalidFileError",
    "MsforgeError",
    "ResultFormatError",
    "Severity",
    "UsageError",
    "check",
    "compare",
    "copy_example",
    "estimate",
    "examples",
    "explain",
    "load",
    "read_result",
    "schema",
    "simulate",
    "write_result",
]
