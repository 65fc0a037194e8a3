"""Time: a thread that steps the simulation at the chosen speed and slows time when the machine cannot keep up."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import perf_counter
from typing import Any, Final

from msforge.records import SECOND
from msforge.web.playground.game import Game

FRAME: Final = 0.1
"""Seconds of the viewer's time between two frames."""
SHARE: Final = 0.7
"""The most of a frame's time that the simulation takes; the rest is the server's."""
SLICE: Final = 0.004
"""Seconds that one step of the simulation should take: so long nobody else is heard."""

Tell = Callable[[str, dict[str, Any]], None]


class Pace(threading.Thread):
    """Runs a game. Everything that touches the game happens in this thread; others `ask` for it.

    Args:
        game: what is run.
        tell: hears ("frame" | "status" | "hello", data), in this thread.
        watched: whether anybody looks; time stands while nobody does.
    """

    def __init__(self, game: Game, tell: Tell, watched: Callable[[], bool] = lambda: True) -> None:
        super().__init__(name="playground", daemon=True)
        self.game = game
        self.tell = tell
        self.watched = watched
        self.asked: queue.Queue[tuple[Callable[[Game], Any], Future[Any]] | None] = queue.Queue()
        self.slice = SECOND // 1000  # simulated ns
        self.real = 1.0  # the speed that time has, of late
        self.last = perf_counter()
        self.told = ("", -1)  # the run and the revision that were told last

    def ask(self, act: Callable[[Game], Any]) -> Future[Any]:
        """Have `act(game)` done between two steps; its result, or what it raised."""
        answer: Future[Any] = Future()
        self.asked.put((act, answer))
        return answer

    def end(self) -> None:
        """Stop, and wait until it has."""
        self.asked.put(None)
        if self.is_alive():
            self.join(timeout=10)

    def run(self) -> None:
        """Until `end`."""
        self.last = perf_counter()
        while True:
            began = perf_counter()
            try:
                moved = self._advance(began)
            except Exception as error:  # a run that cannot go on is shown, and a new one can be begun
                self.game.fail(error)
                moved = True
            try:
                self._send_status()
                if moved:
                    self._send_frame()
            except Exception as error:  # one that cannot be shown: this thread is needed to begin anew
                self.game.fail(error)
            if not self._listen(began + FRAME, idle=not moved):
                return

    def _listen(self, until: float, idle: bool) -> bool:
        """Do what is asked until the next frame is due; with nothing to show, until something is asked. False: end."""
        while True:
            left = until - perf_counter()
            try:
                item = self.asked.get(timeout=None if idle else max(0.0, left)) if left > 0 or idle else (
                    self.asked.get_nowait())
            except queue.Empty:
                return True
            if item is None:
                return False
            act, answer = item
            if not answer.set_running_or_notify_cancel():
                continue  # who asked has gone
            try:
                answer.set_result(act(self.game))
            except Exception as error:
                answer.set_exception(error)
            if idle:
                self.last = perf_counter()
                return True

    # -- time ----------------------------------------------------------------------------------------

    def _advance(self, began: float) -> bool:
        """Simulate what is due since the last frame, as far as the time for it goes. False: time stands."""
        game = self.game
        passed, self.last = min(began - self.last, 2.5 * FRAME), began
        session = game.session
        if not self.watched() or game.broken or session.over or (game.paused and game.goal <= session.time):
            self.real = game.speed
            return False
        start = session.time
        due = game.goal if game.goal > start else start + round(passed * game.speed * SECOND)
        self._run(due, began + SHARE * FRAME)
        if game.goal <= start and passed > 0:
            speed = (session.time - start) / SECOND / passed
            self.real += 0.2 * (min(speed, game.speed) - self.real)
        return True

    def _run(self, due: int, deadline: float) -> None:
        session = self.game.session
        while session.time < due:
            before = perf_counter()
            if before >= deadline:
                return
            session.run_to(min(due, session.time + self.slice))
            took = perf_counter() - before
            self.slice = max(10_000, min(SECOND, round(self.slice * min(2.0, max(0.25, SLICE / max(took, 1e-6))))))

    # -- news ----------------------------------------------------------------------------------------

    def _send_frame(self) -> None:
        game = self.game
        frame = game.frame()
        frame["run"] = game.run
        frame["speed"] = round(self.real, 3)
        frame["slowed"] = self.real < 0.9 * game.speed and not game.paused
        frame["goal"] = round(game.goal / SECOND, 3) if game.goal > game.session.time else None
        frame["over"] = game.session.over
        self.tell("frame", frame)

    def _send_status(self) -> None:
        game = self.game
        run, revision = self.told
        self.told = game.run, game.revision
        if run != game.run:
            self.tell("hello", game.hello())
        elif revision != game.revision:
            self.tell("status", game.status())
