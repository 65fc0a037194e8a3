"""What a round of faults leaves behind: all that somebody needs who wants to know why it was not clean."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Order:
    """One order as its customer saw it: seconds of the round, and what was answered ("" for nothing)."""

    sent: float
    ended: float = -1.0
    answer: str = ""


@dataclass
class Evidence:
    """Of one round. `logs` are files that others write to as well: what they had before is not of this round."""

    logs: list[Path]
    began: float = field(default_factory=time.time)
    orders: dict[int, Order] = field(default_factory=dict)
    happened: list[dict[str, Any]] = field(default_factory=list)
    before: dict[Path, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = {path: path.stat().st_size for path in self.logs if path.exists()}

    def now(self) -> float:
        """Seconds of the round."""
        return round(time.time() - self.began, 4)

    def note(self, what: str, **data: Any) -> None:
        """Something happened."""
        self.happened.append({"at": self.now(), "what": what, **data})

    def answered(self) -> set[int]:
        """The orders whose customers were told that all is well."""
        return {number for number, order in self.orders.items() if order.answer == "200"}

    def keep(self, folder: Path, outcome: Any, found: dict[str, Any]) -> None:
        """Write all of it into a folder. `found`: what the databases and the broker had at the end, by a name."""
        folder.mkdir(parents=True)
        plain = {
            "round": {**asdict(outcome), "began": self.began},
            "happened": self.happened,
            "orders": {number: asdict(order) for number, order in self.orders.items()},
            **found,
        }
        for name, what in plain.items():
            (folder / f"{name}.json").write_text(json.dumps(what, indent=1, default=str), "utf-8")
        for path in self.logs:
            if path.exists():
                with path.open("rb") as log:
                    log.seek(self.before.get(path, 0))
                    (folder / path.name).write_bytes(log.read())
