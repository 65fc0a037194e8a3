"""What everyone at the table shares: the session, its speed, what can be turned, and what has happened."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, Final

from msforge.errors import InvalidFileError, MsforgeError, UsageError
from msforge.spec import Spec
from msforge.web.playground.frames import Frames
from msforge.web.playground.knobs import knobs_of
from msforge.web.playground.picture import picture_of
from msforge.web.playground.presets import lay_over, presets_of
from msforge.web.playground.session import MILLISECOND, Deed, Session
from msforge.web.playground.setting import LENGTH, setting_of

SLOWEST, FASTEST = 0.01, 100.0
LONGEST_STEP: Final = 60.0
KEPT_NEWS: Final = 200


class Game:
    """One running session and how to play it.

    Args:
        load: reads the description, with a scenario or none.
        scenario: the one to begin with.
        sets: what the command line set, for the head of copied YAML.
    """

    def __init__(
        self, load: Callable[[str | None], Spec], scenario: str | None = None, sets: tuple[str, ...] = ()
    ) -> None:
        self.load = load
        self.sets = sets
        self.first = scenario
        self.speed = 1.0
        self.paused = False
        self.goal = 0  # run to here whatever else is said
        self.broken = ""
        self._begin(scenario)

    def _begin(self, scenario: str | None, deeds: tuple[Deed, ...] = ()) -> None:
        setting = setting_of(self.load(scenario))
        session = Session(setting, deeds)
        self.session = session
        self.scenario = scenario
        self.run = uuid.uuid4().hex[:12]
        self.picture = picture_of(setting.system)
        self.frames = Frames(session, self.picture)
        grouped = frozenset(i for i, node in enumerate(self.picture.services) if node.startswith("g"))
        self.knobs = knobs_of(setting.spec, setting.system, grouped)
        self.scenarios: dict[str, Any] = setting.spec.document.get("scenarios") or {}
        self.log: deque[dict[str, Any]] = deque(maxlen=KEPT_NEWS)
        self.revision = 0
        self.goal = 0
        self.broken = ""
        self.shown: tuple[Any, set[str]] = (session.engine.system, set())

    # -- what is shown ---------------------------------------------------------------------------

    def hello(self) -> dict[str, Any]:
        """All that a page needs to begin with."""
        system = self.session.setting.system
        owners = {"service": self.picture.services, "store": self.picture.stores, "source": self.picture.sources,
                  "call": self.picture.edges}
        return {
            "run": self.run, "name": system.name, "scenario": self.scenario, "picture": self.picture.drawn,
            "knobs": [
                {
                    "id": k.id, "at": owners[k.owner[0]][k.owner[1]],
                    "group": self._group(k.owner), "label": k.label, "kind": k.kind, "low": k.low, "high": k.high,
                    "optional": k.optional,
                }
                for k in self.knobs.values() if owners[k.owner[0]][k.owner[1]] not in ("", -1)
            ],
            "presets": presets_of(self.session, self.scenarios),
            "seconds": list(self.frames.seconds.rows), "log": list(self.log), "status": self.status(),
        }

    def _group(self, owner: tuple[str, int]) -> str:
        system = self.session.setting.system
        kind, index = owner
        if kind == "call":
            edge = system.edges[index]
            return f"{system.body_name(edge.caller)} → {system.body_name(edge.callee)}"
        parts: dict[str, Any] = {"service": system.services, "store": system.stores, "source": system.sources}
        return str(parts[kind][index].name)

    def status(self) -> dict[str, Any]:
        """What changes only when somebody does something."""
        return {
            "run": self.run, "revision": self.revision, "speed": self.speed, "paused": self.paused,
            "time": self.session.time // MILLISECOND,
            "broken": self.broken, "values": {knob.id: knob.read(self.session) for knob in self.knobs.values()},
            "deeds": [
                [d.at // MILLISECOND, d.end // MILLISECOND if d.end >= 0 else -1, d.key, d.planned, d.written]
                for d in self.session.deeds
            ],
        }

    def frame(self) -> dict[str, Any]:
        """What moves."""
        frame = self.frames.frame(self.speed)
        shown = self.session.engine.system, set(self.session.running)
        if shown[0] is not self.shown[0] or shown[1] != self.shown[1]:
            self.shown = shown
            self.revision += 1  # a deed that is repeated, or a change of the file's own
        self.log.extend(frame["news"])
        frame["moving"] = {  # values that change by themselves
            knob.id: knob.read(self.session) for knob in self.knobs.values() if knob.kind == "rate"
        }
        return frame

    def yaml(self) -> str:
        """The session as a scenario that repeats it."""
        return self.session.yaml(self.sets)

    # -- what is done --------------------------------------------------------------------------------

    def do(self, action: Any) -> bool:
        """Do what a page asks; True when a new run has begun. Raises UsageError, InvalidFileError."""
        if not isinstance(action, dict):
            raise UsageError("an action is an object with `do`")
        act = getattr(self, f"_do_{action.get('do')}", None) if isinstance(action.get("do"), str) else None
        if act is None:
            raise UsageError(f"unknown action {str(action.get('do'))[:40]!r}")
        before = self.run
        try:
            act(action)
        finally:
            self.revision += 1
        return self.run != before

    def _do_turn(self, action: dict[str, Any]) -> None:
        knob = self.knobs.get(action.get("knob", "")) if isinstance(action.get("knob"), str) else None
        if knob is None:
            raise UsageError(f"there is nothing to turn at {str(action.get('knob'))[:80]!r}")
        self._whole()
        knob.turn(self.session, action.get("value"))

    def _do_pause(self, action: dict[str, Any]) -> None:
        self.session.run_to(-(-self.session.time // MILLISECOND) * MILLISECOND)
        self.paused = True
        self.goal = 0

    def _do_go(self, action: dict[str, Any]) -> None:
        self._whole()
        self.paused = False

    def _do_speed(self, action: dict[str, Any]) -> None:
        self.speed = _number(action, SLOWEST, FASTEST)

    def _do_step(self, action: dict[str, Any]) -> None:
        self._whole()
        self._do_pause(action)
        self.goal = self.session.time + round(_number(action, 0.001, LONGEST_STEP) * 1000) * MILLISECOND

    def _do_reset(self, action: dict[str, Any]) -> None:
        self._begin(self.scenario)
        self.paused = False

    def _do_preset(self, action: dict[str, Any]) -> None:
        name = action.get("name")
        if name is None:
            self._begin(None)
        elif not isinstance(name, str) or name not in self.scenarios:
            raise UsageError(f"there is no scenario {str(name)[:80]!r}")
        else:
            self._whole()
            if not lay_over(self.session, self.scenarios[name] or {}):
                self._begin(name)
        self.paused = False

    def _do_restore(self, action: dict[str, Any]) -> None:
        scenario, time, deeds = _state(action.get("state"))
        if scenario is not None and scenario not in self.scenarios:
            raise UsageError(f"the link is of a scenario {scenario[:80]!r}, and this file has none of that name")
        try:
            self._begin(scenario, deeds)
        except InvalidFileError as error:
            told = error.diagnostics[0].message if error.diagnostics else error.message
            raise UsageError(f"the link does not fit this file: {told}") from None
        self.paused = action.get("go") is not True
        self.goal = time

    def _whole(self) -> None:
        if self.broken:
            raise UsageError(f"this run has ended: {self.broken}", hint="begin anew")

    def fail(self, error: BaseException) -> None:
        """The run cannot go on."""
        if isinstance(error, InvalidFileError) and error.diagnostics:
            self.broken = error.diagnostics[0].message
        elif isinstance(error, MsforgeError):
            self.broken = error.message
        else:
            self.broken = f"msforge failed unexpectedly: {type(error).__name__}: {error}"
        self.paused = True
        self.goal = 0
        self.revision += 1


def _number(action: dict[str, Any], low: float, high: float) -> float:
    value = action.get("value")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise UsageError(f"{action['do']} takes a number from {low:g} to {high:g}")
    return float(value)


def _is_held(key: str, written: dict[str, Any]) -> bool:
    """Whether this is a fault that the knob of this key begins, and that it can read: "slow payment"."""
    verb, _, name = key.partition(" ")
    option, kind = {"slow": ("by", str), "fail": ("rate", int | float)}.get(verb, (verb, str))
    return written.get(verb) == name and isinstance(written.get(option), kind)


def _state(state: Any) -> tuple[str | None, int, tuple[Deed, ...]]:
    """A session as a link has it. Raises UsageError."""
    try:
        scenario, time, deeds = state["scenario"], state["time"], state["deeds"]
        made: list[Deed] = []
        free: dict[str, float] = {}  # from when on the fault of a key may begin again
        for at, end, key, planned, written in deeds:
            good = (
                isinstance(at, int) and isinstance(end, int) and isinstance(key, str) and isinstance(planned, bool)
                and isinstance(written, dict) and at > 0 and (end == -1 or end > at) and "at" not in written
            )
            if not good or (key and not (_is_held(key, written) and at >= free.get(key, 0))):
                raise ValueError
            free[key] = end if end >= 0 else inf
            made.append(Deed(at * MILLISECOND, written, key, end * MILLISECOND if end >= 0 else -1, planned))
        if not isinstance(time, int) or not 0 <= time * MILLISECOND <= LENGTH or len(made) > 500:
            raise ValueError
        if scenario is not None and not isinstance(scenario, str):
            raise ValueError
    except (TypeError, KeyError, ValueError):
        raise UsageError("the link does not hold a session", hint="copy it again") from None
    return scenario, time * MILLISECOND, tuple(made)


