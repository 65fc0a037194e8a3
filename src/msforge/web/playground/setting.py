"""A description as it is played: it goes on for hours, and so does its traffic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from msforge import units
from msforge.model import compile_system
from msforge.model.compile import build
from msforge.model.plan import System
from msforge.model.variants import remember
from msforge.spec import Spec, dump

LENGTH: Final = 12 * units.HOUR
"""How long a session may be (simulated ns)."""
NAME: Final = "played"
"""What a copied session is called in `scenarios`."""


@dataclass(frozen=True)
class Setting:
    """What a session plays: `spec` and `system` as they run, `overlay` what they have beyond the file's own."""

    spec: Spec
    system: System
    overlay: dict[str, Any]

    @property
    def faults(self) -> list[Any]:
        """The faults that the description has itself, as written."""
        return list(plain(self.spec.document.get("faults") or []))

    def scenario(self, faults: list[Any], time: int) -> dict[str, Any]:
        """The session until `time` (ns) with all its faults, as an entry of `scenarios`."""
        run = self.system.run
        said = {key: value for key, value in self.overlay.items() if key not in ("simulation", "faults+")}
        simulation = {
            **self.overlay["simulation"], "duration": units.format_duration(max(time, units.MILLISECOND)),
            "seed": run.seed, "replications": 1,
        }
        return {"simulation": simulation, **said, **({"faults": faults} if faults or self.faults else {})}

    def yaml(self, faults: list[Any], time: int, sets: tuple[str, ...] = ()) -> str:
        """The same as text, to be put under `scenarios:` of the file."""
        head = f"# Repeats this session: put it into the file, then msforge simulate FILE --scenario {NAME}"
        head += "".join(f" --set {word}" for word in sets)
        return head + "\n" + dump({"scenarios": {NAME: self.scenario(faults, time)}})


def setting_of(spec: Spec) -> Setting:
    """How to play a description (with its scenario, if one was chosen). Raises InvalidFileError as a run does."""
    compile_system(spec)
    scenarios = plain(spec.document.get("scenarios") or {})
    overlay = merged(scenarios.get(spec.scenario) or {}, {
        "simulation": {"duration": units.format_duration(LENGTH), "warmup": "0s"},
        "traffic": {name: goes_on(source) for name, source in plain(spec.document["traffic"]).items()},
    })
    overlay["traffic"] = {name: patch for name, patch in overlay["traffic"].items() if patch}
    if not overlay["traffic"]:
        del overlay["traffic"]
    played = spec.overlay([(key, overlay[key]) for key in ("simulation", "traffic") if key in overlay])
    system = build(played)
    remember(played, system)
    return Setting(played, system, overlay)


def goes_on(source: dict[str, Any]) -> dict[str, Any]:
    """What lets a source send on after its own end: its last rate stays."""
    if "stages" in source:
        last = str(source["stages"][-1]["rate"]).rpartition("->")[2].strip()
        rate: Any = 0 if last == "0" else last
        return {"stages": [*source["stages"], {"rate": rate, "for": units.format_duration(LENGTH)}]}
    return {"for": None} if "for" in source else {}


def merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """One overlay that does what `base` and then `patch` do."""
    out = dict(base)
    for key, value in patch.items():
        present = out.get(key)
        out[key] = merged(present, value) if isinstance(present, dict) and isinstance(value, dict) else value
    return out


def plain(data: Any) -> Any:
    """A copy without the places that the reader keeps."""
    return json.loads(json.dumps(data))
