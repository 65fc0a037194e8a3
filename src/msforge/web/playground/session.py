"""A session: an engine that is stepped, and everything that was done to it, so that it can be repeated exactly.

What a person does is a fault in the language's words: it begins at a whole millisecond at which nothing else
is due, so that the same fault, written in a file, falls into the same place of the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import Any, Final

from msforge import units
from msforge.errors import UsageError
from msforge.model.compile import build
from msforge.model.plan import Fault
from msforge.sim import Engine
from msforge.web.playground.setting import LENGTH, Setting, plain

MILLISECOND: Final = units.MILLISECOND
MOST_DEEDS: Final = 500
"""How much may be done in one session; each change makes the plan anew with all of them."""


@dataclass
class Deed:
    """Something a person did: a fault as written, without its times. `end` is -1 while it lasts.

    `key` names a fault that lasts until it is turned back: "slow payment". `planned` is one that the engine's own
    time line begins and ends, as written.
    """

    at: int
    written: dict[str, Any]
    key: str = ""
    end: int = -1
    planned: bool = False

    def fault(self) -> dict[str, Any]:
        """As an entry of `faults`."""
        times = {"at": units.format_duration(self.at)}
        if self.end >= 0:
            times["for"] = units.format_duration(self.end - self.at)
        return {**self.written, **times}


class Session:
    """One run of a setting, from its beginning.

    Args:
        setting: what is played.
        deeds: what was done in an earlier session; it is done again at its times.
        keep: keep records, for `Engine.finish`.
    """

    def __init__(self, setting: Setting, deeds: tuple[Deed, ...] = (), *, keep: bool = False) -> None:
        self.setting = setting
        self.engine = Engine(setting.system, keep=keep)
        self.deeds: list[Deed] = []
        self.running: dict[str, tuple[Deed, Callable[[], None]]] = {}
        self.last = 0
        self.due: list[tuple[int, Callable[[], None]]] = []
        if deeds:
            self._repeat(deeds)

    @property
    def time(self) -> int:
        """The simulated time (ns)."""
        return self.engine.env.now

    @property
    def over(self) -> bool:
        """Whether the longest session has ended."""
        return self.time >= LENGTH

    def run_to(self, time: int) -> None:
        """Simulate until `time` (ns), with what is to be repeated until then. Raises InvalidFileError."""
        time = min(time, LENGTH)
        while self.due and self.due[0][0] <= time:
            at, act = self.due.pop(0)
            self.engine.run_to(at)
            act()
        self.engine.run_to(time)

    # -- what a person does --------------------------------------------------------------------

    def change(self, changes: dict[str, Any]) -> None:
        """Set values of the description, by path, from now on. Raises InvalidFileError, UsageError."""
        self._do({"change": plain(changes)}, "")

    def begin(self, key: str, written: dict[str, Any]) -> None:
        """Begin a fault that lasts until `end(key)`; one of the same key ends first. Raises as `change` does."""
        self.end(key)
        self._do(plain(written), key)

    def end(self, key: str) -> None:
        """End the fault of this key, if it is on."""
        if key in self.running:
            self._free_for_deeds(0)
            self._end(key, self._moment())

    def plan(self, written: dict[str, Any], later: int) -> None:
        """Let a fault, with its own `for` or none, begin in `later` ns. Raises as `change` does."""
        self._free_for_deeds(1)
        deed = Deed(self._moment() + later, plain(written), planned=True)
        self.engine.faults.add(self._compiled(deed))
        self.deeds.append(deed)

    def faults(self) -> list[dict[str, Any]]:
        """The description's faults and all that was done, as written in a file."""
        return [*self.setting.faults, *(deed.fault() for deed in self.deeds)]

    def yaml(self, sets: tuple[str, ...] = ()) -> str:
        """The session so far as a scenario."""
        return self.setting.yaml(self.faults(), self.time, sets)

    # -- how -------------------------------------------------------------------------------------

    def _do(self, written: dict[str, Any], key: str) -> None:
        self._free_for_deeds(1)
        deed = Deed(self._moment(), written, key)
        self._begin(deed, self._compiled(deed))
        self.deeds.append(deed)

    def _begin(self, deed: Deed, fault: Fault) -> None:
        undo = self.engine.faults.begin_now(fault)
        self.last = deed.at
        if deed.key:
            self.running[deed.key] = deed, undo

    def _end(self, key: str, at: int) -> None:
        deed, undo = self.running.pop(key)
        undo()
        deed.end = self.last = at

    def _repeat(self, deeds: tuple[Deed, ...]) -> None:
        """Have everything ready that was done, in its order: the numbers of equal faults decide their dice."""
        self.deeds = [replace(deed) for deed in deeds]
        first = len(self.setting.faults)
        spec = self.setting.spec.overlay([("faults", self.faults())])
        for deed, fault in zip(self.deeds, build(spec).faults[first:], strict=True):
            if deed.planned:
                self.engine.faults.add(fault)
                continue
            self.due.append((deed.at, partial(self._begin, deed, fault)))
            if deed.key and deed.end >= 0:
                self.due.append((deed.end, partial(self._end, deed.key, deed.end)))
        self.due.sort(key=itemgetter(0))

    def _compiled(self, deed: Deed) -> Fault:
        """The deed as the plan has it, numbered among its equals as in a file. Raises InvalidFileError."""
        spec = self.setting.spec.overlay([("faults", [*self.faults(), deed.fault()])])
        return build(spec).faults[-1]

    def _free_for_deeds(self, more: int) -> None:
        if self.due:
            raise UsageError("the session is still being repeated", hint="wait until it is where it was")
        if self.over:
            raise UsageError("this session has been going for twelve hours", hint="begin anew")
        if len(self.deeds) + more > MOST_DEEDS:
            raise UsageError(f"{MOST_DEEDS} changes in one session are the most", hint="begin anew")

    def _moment(self) -> int:
        """Run to the next whole millisecond that nothing else is due at, after what was done last."""
        time = max(-(-self.time // MILLISECOND) * MILLISECOND, self.last + MILLISECOND)
        while True:
            self.engine.run_to(time - 1)
            if self.engine.undisturbed(time):
                self.engine.run_to(time)
                return time
            time += MILLISECOND
