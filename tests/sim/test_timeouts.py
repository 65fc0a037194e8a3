"""One timer watches all tries with the same timeout: each gives up in its own time, unless it was answered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.sim.kernel import REQUEST, Timer
from msforge.sim.timeouts import TimerQueue

TIMEOUT = 10


class Try:
    """A request as the queue sees it: `call` waits for it until it is answered or has given up."""

    def __init__(self, name: int, env: Any, gave_up: list[tuple[int, int]]) -> None:
        self.name = name
        self.env = env
        self.gave_up = gave_up
        self.call: Try | None = self

    def timed_out(self, request: Try) -> None:
        assert request is self
        self.call = None
        self.gave_up.append((self.env.now, self.name))


def run(tries: list[tuple[int, int | None]]) -> tuple[list[tuple[int, int]], int]:
    """Send tries at these times, answer each after so long (None: never): who gave up when, and the longest queue."""
    env: Any = simpy.Environment()
    queue = TimerQueue(SimpleNamespace(env=env, schedule=env.schedule), TIMEOUT)
    gave_up: list[tuple[int, int]] = []
    waiting = 0

    def send(request: Try) -> None:
        nonlocal waiting
        queue.add(request)  # type: ignore[arg-type]
        waiting = max(waiting, sum(1 for *_, event in env._queue if event is queue))

    def answer(request: Try) -> None:
        request.call = None

    for name, (at, after) in enumerate(tries):
        request = Try(name, env, gave_up)
        env.schedule(Timer(send, request), REQUEST, at)
        if after is not None:
            env.schedule(Timer(answer, request), REQUEST, at + after)
    env.run()
    return gave_up, waiting


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.none() | st.integers(0, 25)), max_size=25))
def test_those_give_up_that_were_not_answered_in_time(tries: list[tuple[int, int | None]]) -> None:
    tries.sort(key=lambda t: t[0])
    gave_up, waiting = run(tries)
    assert gave_up == [
        (at + TIMEOUT, name) for name, (at, after) in enumerate(tries) if after is None or after > TIMEOUT]
    assert waiting <= 1, "one event on the queue, however many tries"


def test_an_answer_at_the_last_moment_counts() -> None:
    assert run([(0, TIMEOUT)])[0] == []
    assert run([(0, TIMEOUT + 1)])[0] == [(TIMEOUT, 0)]


def test_the_queue_rests_between_tries() -> None:
    assert run([(0, 1), (100, None)])[0] == [(100 + TIMEOUT, 1)]
