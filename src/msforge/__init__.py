"""msforge: describe a system of microservices in one YAML file, simulate it, see what a change does.

>>> import msforge
>>> result = msforge.simulate("shop.yaml", scenario="payment-down", seed=7)   # doctest: +SKIP
>>> result.story.headline                                                     # doctest: +SKIP
"""

from __future__ import annotations

from msforge.door import (
    check,
    clear_faults,
    compare,
    copy_example,
    diff,
    down,
    estimate,
    examples,
    explain,
    faults,
    graph,
    load,
    logs,
    new,
    play,
    ps,
    read_result,
    schema,
    send_traffic,
    set_fault,
    simulate,
    sync,
    up,
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
    "clear_faults",
    "compare",
    "copy_example",
    "diff",
    "down",
    "estimate",
    "examples",
    "explain",
    "faults",
    "graph",
    "load",
    "logs",
    "new",
    "play",
    "ps",
    "read_result",
    "schema",
    "send_traffic",
    "set_fault",
    "simulate",
    "sync",
    "up",
    "write_result",
]
