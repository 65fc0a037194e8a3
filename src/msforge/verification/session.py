"""A system that is brought up once, given its traffic, watched, and taken down again, whatever happens."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from msforge.errors import MsforgeError, UsageError
from msforge.live import api, client, state
from msforge.live.load.run import LoadResult, Progress
from msforge.live.system import Options
from msforge.verification.machine import Usage, Watch

LOOK: Final = 0.5
"""Seconds between two looks at channels and replicas."""
ASKING: Final = 5.0
"""Seconds a replica has to say what it has counted."""

Counts = dict[tuple[str, str], Counter[str]]
"""What calls came to, by calling service and called endpoint."""


Spans = list[tuple[int, int | None]]
"""From when to when (ns since the epoch); None: it still is."""


@dataclass
class Noted:
    """What a run left behind."""

    load: LoadResult
    scale: float
    view: Mapping[str, Any]
    """What `ps` said as it began."""
    outcomes: Path
    channels: list[tuple[int, Mapping[str, Mapping[str, int]]]] = field(default_factory=list)
    """When (ns since the epoch), and each channel's counts; in order of time."""
    calls: Counts = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    died: list[str] = field(default_factory=list)
    """Replicas that went down though nothing in the description wanted it, and the rest of the system."""
    ready: Mapping[int, Spans] = field(default_factory=dict)
    """When each replica, by its number, was ready."""


@dataclass
class How:
    """How a run is to go. `sets` go for services, `scenario` and `traffic_sets` for traffic and faults alone."""

    seed: int
    scale: float = 1.0
    sets: tuple[str, ...] = ()
    scenario: str | None = None
    traffic_sets: tuple[str, ...] = ()
    may_crash: frozenset[str] = frozenset()
    """Services that the description itself kills."""
    progress: Progress | None = None
    stop: Callable[[], bool] = lambda: False
    tell: Callable[[str], None] = lambda line: None
    watch: Callable[[], Watch] = Watch
    beside: AbstractContextManager[object] = field(default_factory=nullcontext)
    """What is to be there meanwhile, from before the services come up until the traffic is over."""


def run_once(folder: Path, how: How) -> Noted:
    """Up, traffic, down. What was measured before a service died is kept. Raises as `up` and `send_traffic` do."""
    options = Options(processes=True, port_base=0, scale=how.scale, sets=how.sets, outcomes=True)
    how.tell("bringing the services up")
    with _asked_to_end() as asked, how.beside:
        try:
            api.up(folder, options=options, detach=True, tell=how.tell)
            return _loaded(folder, replace(how, stop=lambda: how.stop() or asked()))
        finally:
            how.tell("taking them down")
            take_down(folder)


@contextlib.contextmanager
def _asked_to_end() -> Iterator[Callable[[], bool]]:
    """A polite kill and a closed terminal are heard as Ctrl-C is: what is yielded is True then. Nothing is cut short.

    An exception out of the signal would strike whatever was under way, and leave it half done. Raises KeyboardInterrupt
    at the end, whenever the signal came.
    """
    asked = threading.Event()
    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    wanted = [getattr(signal, name) for name in names if hasattr(signal, name)]
    heard = [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
    before = {number: signal.signal(number, lambda number, frame: asked.set()) for number in heard}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked.is_set():
        raise KeyboardInterrupt


def take_down(folder: Path) -> None:
    """Down, whatever it takes: a system that no longer answers is ended by its process id."""
    known = state.read(folder)
    try:
        api.down(folder)
    except MsforgeError:
        if known is not None and state.alive(known.pid):
            state.end(known.pid)
        state.remove(folder)


def _loaded(folder: Path, how: How) -> Noted:
    running = client.running(folder)
    view = running.ps()
    with how.watch() as watch, _Looker(running, view, how.may_crash, watch) as looker:
        load = api.send_traffic(
            folder, scenario=how.scenario, sets=how.traffic_sets, seed=how.seed, progress=how.progress,
            stop=lambda: how.stop() or looker.gone, tell=how.tell,
        )
        looker.look()
    return Noted(
        load, how.scale, view, state.outcomes_folder(folder), looker.channels, calls_of(looker.view), watch.usage(),
        looker.died, looker.ready,
    )


class _Looker:
    """Looks at the running system now and then, from a thread of its own."""

    def __init__(
        self, running: client.Running, view: Mapping[str, Any], may_crash: frozenset[str], watch: Watch
    ) -> None:
        self.running = running
        self.view = view
        self.may_crash = may_crash
        self.watch = watch
        self.channels: list[tuple[int, Mapping[str, Mapping[str, int]]]] = []
        self.died: list[str] = []
        self.ready: dict[int, Spans] = {}
        self.gone = False
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._until_over, daemon=True)

    def __enter__(self) -> _Looker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _until_over(self) -> None:
        while not self.gone and not self._over.wait(LOOK):
            self.look()

    def look(self) -> None:
        """Look once."""
        with self._lock:
            if self.gone:
                return
            try:
                self.view = self.running.view()
            except (UsageError, OSError):
                self.gone = True
                self.died.append("the whole system")
                return
            now = time.time_ns()
            self.channels.append((now, self.view["channels"]))
            replicas = [(service, replica) for service in self.view["services"] for replica in service["replicas"]]
            for service, replica in replicas:
                if replica["pid"]:
                    self.watch.pids.add(int(replica["pid"]))
                dead = replica["crashes"] and service["name"] not in self.may_crash
                if dead and replica["name"] not in self.died:
                    self.died.append(replica["name"])
            self.watch.pids.add(int(self.view["pid"]))
            left = {number: [(begin, end or now) for begin, end in spans] for number, spans in self.ready.items()}
            self.ready = left | {replica["number"]: replica["ready"] for _, replica in replicas}


def calls_of(view: Mapping[str, Any]) -> Counts:
    """What the replicas of a running system have counted of their calls. One that is gone has counted nothing."""
    found: Counts = {}
    for service in view["services"]:
        for replica in service["replicas"]:
            for callee, counts in _counted(replica["url"]).items():
                total = found.setdefault((service["name"], callee), Counter())
                total.update({name: int(n) for name, n in counts.items() if name != "outcomes"})
                total.update({f"try {word}": int(n) for word, n in counts["outcomes"].items()})
    return found


def _counted(url: str) -> dict[str, Any]:
    state_of = f"{url}/_msforge/state"
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(state_of, timeout=ASKING) as answer:
        return dict(json.load(answer)["calls"])
    return {}
