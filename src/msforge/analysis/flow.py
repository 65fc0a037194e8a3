"""Where requests go: expected executions of every step per arrival of a source.

Counted in the healthy system: nothing is slow and only the `fail` steps written in the
description fail. Those failures are followed through retries, fallbacks and sagas.
Call cycles are errors before a System exists; loops through channels are followed until
what still circulates is negligible, and come out infinite when it never is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from msforge.analysis.queueing import at_least
from msforge.model.hits import hit_ratio
from msforge.model.plan import UNLIMITED, Block, Source, Step, System, Verb
from msforge.model.visits import call_order, deliveries
from msforge.records import Outcome

LOOP_ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Ending:
    """Chances of how something ends: well, with an error, rejected (4xx)."""

    ok: float = 1.0
    error: float = 0.0
    rejected: float = 0.0


class Flow:
    """Expected executions per execution of a body, and per arrival of a source."""

    def __init__(self, system: System, hits: Mapping[int, float] | None = None, *, failing: bool = True) -> None:
        """`hits` overrides the hit ratio of a cached read, by step; `failing=False` lets no `fail` step fail."""
        self.system = system
        self._failing = failing
        self._hits = dict(hits or {})
        self._bodies: dict[int, tuple[dict[int, float], Ending]] = {}

    def body(self, body: int) -> dict[int, float]:
        """Executions of each of a body's own steps per request to it (CALL: tries)."""
        return self._walked(body)[0]

    def ending(self, body: int) -> Ending:
        """How one request to `body` ends."""
        return self._walked(body)[1]

    def _walked(self, body: int) -> tuple[dict[int, float], Ending]:
        if body not in self._bodies:
            self._bodies[body] = ({}, Ending())  # a cycle cannot be, but must not hang
            counts: dict[int, float] = {}
            ending = self._block(self.system.bodies[body].block, 1.0, counts)
            self._bodies[body] = (counts, ending)
        return self._bodies[body]

    # --- one block, entered `weight` times on average

    def _block(self, block: Block, weight: float, counts: dict[int, float], keep_going: bool = False) -> Ending:
        alive, error, rejected = 1.0, 0.0, 0.0
        for index in block:
            step = self.system.steps[index]
            end = self._step(step, weight * alive, counts)
            if step.keep_going:
                continue
            error += alive * end.error
            rejected += alive * end.rejected
            alive *= end.ok
        return Ending(alive, error, rejected)

    def _step(self, step: Step, weight: float, counts: dict[int, float]) -> Ending:
        if step.verb is Verb.CALL:
            return self._call(step, weight, counts)
        counts[step.index] = counts.get(step.index, 0.0) + weight
        if step.verb is Verb.FAIL and self._failing:
            rejected = step.status < 500 and not step.crash
            return Ending(1 - step.rate, 0.0 if rejected else step.rate, step.rate if rejected else 0.0)
        if step.verb is Verb.GROUP:
            return self._block(step.blocks[0], weight, counts)
        if step.verb is Verb.CHOOSE:
            ends = [(w, self._block(b, weight * w, counts)) for w, b in zip(step.weights, step.blocks, strict=True)]
            return Ending(*(sum(w * getattr(e, k) for w, e in ends) for k in ("ok", "error", "rejected")))
        if step.verb is Verb.REPEAT:
            return self._repeat(step, weight, counts)
        if step.verb is Verb.PARALLEL:
            branches = step.blocks * step.copies if len(step.blocks) == 1 else step.blocks
            ends2 = [self._block(b, weight, counts) for b in branches]
            ok = at_least(step.need or len(branches), [e.ok for e in ends2])
            return Ending(ok, 1 - ok)
        if step.verb is Verb.SAGA:
            return self._saga(step, weight, counts)
        return self.operation(step) if step.verb in (Verb.READ, Verb.WRITE) else Ending()

    def operation(self, step: Step) -> Ending:
        """How a read or a write ends."""
        return Ending()

    def one_try(self, step: Step) -> Ending:
        """How one try of a call ends."""
        return self.ending(step.target)

    def _call(self, step: Step, weight: float, counts: dict[int, float]) -> Ending:
        tries, final = _tries(step, self.one_try(step))
        counts[step.index] = counts.get(step.index, 0.0) + weight * tries
        failed = final.error + final.rejected
        if step.policy.fallback is None or failed <= 0:
            return Ending(final.ok, failed, 0.0)
        rescue = self._block(step.policy.fallback, weight * failed, counts)
        return Ending(final.ok + failed * rescue.ok, failed * (rescue.error + rescue.rejected))

    def _repeat(self, step: Step, weight: float, counts: dict[int, float]) -> Ending:
        times = step.dist.mean if step.dist is not None else 1.0
        probe: dict[int, float] = {}
        once = self._block(step.blocks[0], 1.0, probe)
        if once.ok >= 1:
            rounds, ok = times, 1.0
        else:  # the expectation of a geometric sum, at the mean number of rounds
            ok = once.ok**times
            rounds = (1 - ok) / (1 - once.ok)
        for index, n in probe.items():
            counts[index] = counts.get(index, 0.0) + weight * rounds * n
        share = (1 - ok) / (1 - once.ok) if once.ok < 1 else 0.0
        return Ending(ok, once.error * share, once.rejected * share)

    def _saga(self, step: Step, weight: float, counts: dict[int, float]) -> Ending:
        alive = 1.0
        undone: list[Block] = []
        for do, undo in zip(step.blocks[::2], step.blocks[1::2], strict=True):
            end = self._block(do, weight * alive, counts)
            for back in undone:
                self._block(back, weight * alive * (1 - end.ok), counts)
            undone.append(undo)
            alive *= end.ok
        return Ending(alive, 1 - alive)

    # --- per arrival of a source

    def journey(self, source: Source) -> dict[int, float]:
        """Executions of each step of the journey per arrival (CALL: tries, client's retries included)."""
        counts: dict[int, float] = {}
        self._block(source.journey, 1.0, counts)
        return counts

    def entries(self, source: Source) -> dict[int, float]:
        """Requests to each entry body per arrival."""
        found: dict[int, float] = {}
        for index, n in self.journey(source).items():
            step = self.system.steps[index]
            if step.verb is Verb.CALL:
                found[step.target] = found.get(step.target, 0.0) + n
        return found

    def bodies_per(self, entries: Mapping[int, float]) -> list[float]:
        """Executions of every body when `entries` bodies are asked that often, deliveries of messages included."""
        totals = [0.0] * len(self.system.bodies)
        fresh = dict(entries)
        for _ in range(LOOP_ROUNDS):
            if not fresh:
                return totals
            fresh = self._spread(fresh, totals)
        for body in fresh:
            totals[body] = math.inf
        return totals

    def _spread(self, fresh: dict[int, float], totals: list[float]) -> dict[int, float]:
        """Follow calls to the end; what is published starts the next round."""
        published: dict[int, float] = {}
        pending = dict(fresh)
        for body in self.order:
            n = pending.pop(body, 0.0)
            if n <= 1e-12:
                continue
            totals[body] += n
            for index, times in self.body(body).items():
                step = self.system.steps[index]
                if step.verb is Verb.CALL:
                    pending[step.target] = pending.get(step.target, 0.0) + n * times
                elif step.verb is Verb.PUBLISH:
                    for reader, share in self.readers(step.target):
                        published[reader] = published.get(reader, 0.0) + n * times * share
        return {b: n for b, n in published.items() if n > 1e-9}

    def readers(self, channel: int) -> list[tuple[int, float]]:
        """(body of the consumer, deliveries per message): a queue's consumers share, each group of a topic gets all."""
        found = []
        for body, share in deliveries(self.system, self.system.channels[channel]):
            retry = self.system.consumers[self.system.bodies[body].consumer].retry
            end = self.ending(body)
            found.append((body, share * _geometric(end.error + end.rejected, retry.attempts)))
        return found

    @cached_property
    def order(self) -> list[int]:
        """Bodies, callers before callees."""
        return call_order(self.system)

    def steps_per(self, bodies: Iterable[float]) -> list[float]:
        """Executions of every step when every body runs as often as `bodies` says."""
        counts = [0.0] * len(self.system.steps)
        for body, n in enumerate(bodies):
            if n > 0:
                for index, times in self.body(body).items():
                    counts[index] += n * times
        return counts

    def hit(self, step: Step) -> float:
        """Hit ratio of a cached read."""
        if step.cache is None:
            return 0.0
        if step.index in self._hits:
            return self._hits[step.index]
        return hit_ratio(step.cache)


def _geometric(q: float, attempts: int) -> float:
    """Expected tries when each fails with chance `q`."""
    if q >= 1:
        return math.inf if attempts == UNLIMITED else float(attempts)
    return (1 if attempts == UNLIMITED else 1 - q**attempts) / (1 - q)


def _tries(step: Step, end: Ending) -> tuple[float, Ending]:
    """Expected tries of a call, and how it ends."""
    retry = step.policy.retry
    if retry is None:
        return 1.0, end
    again = (end.error if Outcome.ERROR in retry.on else 0.0) + (end.rejected if Outcome.REJECTED in retry.on else 0.0)
    tries = _geometric(again, retry.attempts)
    if math.isinf(tries):
        return tries, Ending(0.0, 1.0)
    ok = end.ok * tries
    rejected = 0.0 if Outcome.REJECTED in retry.on else end.rejected * tries
    return tries, Ending(ok, max(0.0, 1 - ok - rejected), rejected)
