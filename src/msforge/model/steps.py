"""Steps: every body's and journey's, in one table, parents before children, in written order.

A step's word is what its random draws are keyed by. It is the user's `id`, or verb, target
and its number among equals: the steps of the same verb and target inside the same parent (all
branches of a parent counted together, so that no two of its children share a word). Steps of
other kinds, other services, options and policies thus change no word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msforge.model import guards
from msforge.model.lookup import Lookup
from msforge.model.plan import NONE, Block, Cache, CallPolicy, Edge, Step, Verb
from msforge.spec import schema_steps as written

Steps = Sequence[object]


class Words:
    """Hands out the words of one parent's children."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def next(self, name: str | None, verb: str, target: str = "") -> str:
        """The word of the next child: its name if it has one."""
        if name:
            return name
        stem = f"{verb} {target}" if target else verb
        ordinal = self._seen.get(stem, 0)
        self._seen[stem] = ordinal + 1
        return f"{stem}#{ordinal}"


@dataclass(slots=True)
class StepTable:
    """Collects steps and edges. `reserve` keeps a parent's place before its children's."""

    names: Lookup
    protocols: Sequence[str]      # by body: what its endpoint speaks
    services: Sequence[int]       # by body: its service
    steps: list[Step | None] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def reserve(self) -> int:
        """The index of the next step, to be put later."""
        self.steps.append(None)
        return len(self.steps) - 1

    def put(self, step: Step) -> int:
        """Puts a step at its reserved index."""
        self.steps[step.index] = step
        return step.index

    def done(self) -> tuple[Step, ...]:
        """All steps."""
        return tuple(step for step in self.steps if step is not None)


@dataclass(frozen=True, slots=True)
class BodyCompiler:
    """Compiles the steps of one endpoint or consumer into the table."""

    table: StepTable
    service: int
    body: int

    def block(self, steps: Steps, path: str, words: Words | None = None) -> Block:
        """A list of steps written at `path`; `words` when it shares its parent with other lists."""
        if words is None:
            words = Words()
        return tuple([self._step(step, f"{path}[{i}]", words) for i, step in enumerate(steps)])

    def _step(self, step: object, path: str, words: Words) -> int:
        index = self.table.reserve()
        match step:
            case written.WorkStep():
                made = self._make(index, Verb.WORK, step, words.next(step.id, "work"), path, dist=step.work)
            case written.WaitStep():
                made = self._make(index, Verb.WAIT, step, words.next(step.id, "wait"), path, dist=step.wait)
            case written.CallStep():
                made = self._call(index, step, path, words)
            case written.ReadStep() | written.WriteStep() | written.PublishStep():
                made = self._operation(index, step, path, words)
            case written.FailStep():
                made = self._make(
                    index, Verb.FAIL, step, words.next(step.id, "fail"), path,
                    rate=step.fail, status=step.status, crash=step.kind == "crash",
                )
            case _:
                made = self._container(index, step, path, words)
        return self.table.put(made)

    def _make(self, index: int, verb: Verb, step: object, word: str, path: str, **of_verb: object) -> Step:
        name = getattr(step, "id", None) or ""
        return Step(index, verb, word, path, self.service, self.body, name=name, **of_verb)  # type: ignore[arg-type]

    def _call(self, index: int, step: written.CallStep, path: str, words: Words) -> Step:
        table = self.table
        word = words.next(step.id, "call", step.call)
        callee = table.names.bodies[step.call]
        edge = len(table.edges)
        table.edges.append(Edge(edge, index, self.body, callee, table.services[callee] == self.service))
        fallback: Block | None = None
        if step.fallback is not None:
            fallback = self.block(step.fallback.steps, f"{path}.fallback.steps")
        policy = guards.call(step, fallback, table.protocols[callee])
        return self._make(index, Verb.CALL, step, word, path, target=callee, edge=edge, policy=policy)

    def _operation(
        self, index: int, step: written.ReadStep | written.WriteStep | written.PublishStep, path: str, words: Words
    ) -> Step:
        names = self.table.names
        timeout = guards.after(step.timeout)
        match step:
            case written.ReadStep():
                return self._make(
                    index, Verb.READ, step, words.next(step.id, "read", step.read), path,
                    target=names.stores[step.read], timeout=timeout, cache=self._cache(step.cache),
                )
            case written.WriteStep():
                return self._make(
                    index, Verb.WRITE, step, words.next(step.id, "write", step.write), path,
                    target=names.stores[step.write], timeout=timeout,
                )
            case written.PublishStep():
                return self._make(
                    index, Verb.PUBLISH, step, words.next(step.id, "publish", step.publish), path,
                    target=names.channels[step.publish], timeout=timeout, outbox=step.outbox, key=step.key,
                )

    def _cache(self, cache: written.Cache | None) -> Cache | None:
        if cache is None:
            return None
        return Cache(
            store=self.table.names.stores[cache.store],
            hit=-1.0 if cache.hit is None else cache.hit,
            keys=cache.keys,
            capacity=cache.capacity,
            ttl=guards.after(cache.ttl),
            single_flight=cache.single_flight,
        )

    def _container(self, index: int, step: object, path: str, words: Words) -> Step:
        inner = Words()
        match step:
            case written.ParallelStep():
                return self._parallel(index, step, path, words.next(step.id, "parallel"), inner)
            case written.ChooseStep():
                word = words.next(step.id, "choose")
                blocks = tuple([
                    self.block(branch.steps, f"{path}.choose[{i}].steps", inner)
                    for i, branch in enumerate(step.choose)
                ])
                weights = shares([branch.weight for branch in step.choose])
                return self._make(index, Verb.CHOOSE, step, word, path, blocks=blocks, weights=weights)
            case written.RepeatStep():
                word = words.next(step.id, "repeat")
                blocks = (self.block(step.steps, f"{path}.steps", inner),)
                return self._make(index, Verb.REPEAT, step, word, path, dist=step.repeat, blocks=blocks)
            case written.SagaStep():
                word = words.next(step.id, "saga")
                blocks = tuple([
                    self.block(steps, f"{path}.saga[{i}].{part}", inner)
                    for i, item in enumerate(step.saga)
                    for part, steps in (("do", item.do), ("undo", item.undo))
                ])
                return self._make(index, Verb.SAGA, step, word, path, blocks=blocks)
            case written.GroupStep():
                word = words.next(step.id, "steps")
                blocks = (self.block(step.steps, f"{path}.steps", inner),)
                return self._make(index, Verb.GROUP, step, word, path, blocks=blocks)
        raise AssertionError(f"no such step: {type(step).__name__}")

    def _parallel(self, index: int, step: written.ParallelStep, path: str, word: str, inner: Words) -> Step:
        copies = 1
        if isinstance(step.parallel, int):
            copies = branches = step.parallel
            blocks: tuple[Block, ...] = (self.block(step.steps or (), f"{path}.steps", inner),)
        else:
            branches = len(step.parallel)
            blocks = tuple([
                (self._step(branch, f"{path}.parallel[{i}]", inner),) for i, branch in enumerate(step.parallel)
            ])
        need = {"all": branches, "any": min(1, branches)}.get(str(step.need), step.need)
        return self._make(index, Verb.PARALLEL, step, word, path, blocks=blocks, need=need, copies=copies)


def shares(weights: Sequence[float]) -> tuple[float, ...]:
    """Weights as shares of their sum."""
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def client_call(
    index: int, word: str, path: str, target: int, policy: CallPolicy, *, keep_going: bool = False
) -> Step:
    """A journey's request: a call by nobody's service, over no edge."""
    return Step(index, Verb.CALL, word, path, NONE, NONE, target=target, policy=policy, keep_going=keep_going)
