"""What looking at a laptop gives: findings, and the verdict over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a finding stands."""

    OK = "ok"
    NOTE = "note"
    """Something optional is not there, or worth knowing. Nothing that a class needs."""
    WARN = "warn"
    """Works, but something will be slow, ugly or need an option."""
    FAIL = "fail"
    """Has to be mended before class."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was looked at, how it stands, what was found and what to do about it."""

    group: str
    name: str
    state: State
    found: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Checkup:
    """All findings about one laptop, in the order in which they are shown."""

    checks: tuple[Check, ...]
    seconds: float
    """How long looking took."""

    @property
    def ready(self) -> bool:
        """Whether a class can begin on this laptop."""
        return all(check.state is not State.FAIL for check in self.checks)

    @property
    def verdict(self) -> str:
        """One line: ready, or what to mend first."""
        broken = [check for check in self.checks if check.state is State.FAIL]
        if broken:
            first = broken[0]
            more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
            return f"not ready: mend first: {first.name}: {first.found}{more}"
        warned = sum(check.state is State.WARN for check in self.checks)
        return "ready for class" + (f", with {warned} warning{'s' * (warned != 1)}" if warned else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "ready": self.ready, "verdict": self.verdict, "seconds": round(self.seconds, 3),
            "checks": [{**asdict(check), "state": check.state.value} for check in self.checks],
        }


def either(good: bool, otherwise: State) -> State:
    """OK, or `otherwise`."""
    return State.OK if good else otherwise


def some(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence, the first of many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
