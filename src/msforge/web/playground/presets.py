"""The file's scenarios as presets: laid over the running system where that can be done, else played from the start."""

from __future__ import annotations

from typing import Any, Final

from msforge import units
from msforge.errors import InvalidFileError
from msforge.web.playground.knobs import rate_at
from msforge.web.playground.session import Session
from msforge.web.playground.setting import goes_on, plain

LIVE: Final = ("services", "stores", "channels", "network", "traffic")
SOON: Final = units.SECOND
"""How soon a preset's first fault begins (simulated ns)."""


def presets_of(session: Session, scenarios: dict[str, Any]) -> list[dict[str, Any]]:
    """Every scenario: its name, and whether choosing it begins the run anew."""
    return [{"name": name, "anew": not _is_live(session, patch or {})} for name, patch in scenarios.items()]


def lay_over(session: Session, patch: dict[str, Any]) -> bool:
    """Lay a scenario over the running session; False, and nothing done, when only a new run can have it.

    Its stages begin now. Its faults keep their distances; without stages the first begins in a second.
    """
    if not _is_live(session, patch):
        return False
    changes = _changes(session, patch)
    faults = [plain(fault) for key in ("faults", "faults+") for fault in patch.get(key) or []]
    times = [units.parse_duration(fault.pop("at")) for fault in faults]
    shift = 0 if _has_stages(patch) or not times else min(times) - SOON
    if changes:
        session.change(changes)
    for fault, time in zip(faults, times, strict=True):
        session.plan(fault, time - shift)
    return True


def _is_live(session: Session, patch: dict[str, Any]) -> bool:
    faults = [fault for key in ("faults", "faults+") for fault in patch.get(key) or []]
    if set(patch) - {*LIVE, "faults", "faults+"} or any("every" in fault for fault in faults):
        return False
    changes = _changes(session, patch)
    try:
        if changes:
            session.engine.base.variant(tuple(changes.items()))
    except InvalidFileError:
        return False
    return True


def _has_stages(patch: dict[str, Any]) -> bool:
    return any("stages" in source for source in (patch.get("traffic") or {}).values())


def _changes(session: Session, patch: dict[str, Any]) -> dict[str, Any]:
    """What the scenario changes; stages, which count from the start of the run, are moved to begin now."""
    changes = {key: plain(patch[key]) for key in LIVE if patch.get(key)}
    for name, source in changes.get("traffic", {}).items():
        if not isinstance(source, dict) or "stages" not in source:
            continue
        now = next((s for s in session.engine.system.sources if s.name == name), None)
        passed = session.time - (now.start if now is not None else 0)
        if now is not None and passed > 0:
            rate = rate_at(now, session.time)
            so_far = {"rate": units.format_rate(rate) if rate else 0, "for": units.format_duration(passed)}
            source["stages"] = [so_far, *goes_on(source)["stages"]]
        else:
            source |= goes_on(source)
    return changes
