"""Sources: who sends requests and when, each with a journey of steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msforge.model import guards
from msforge.model.lookup import Lookup
from msforge.model.plan import NEVER, NONE, UNLIMITED, Block, Source, Stage, Step, Verb
from msforge.model.steps import StepTable, Words, client_call, shares
from msforge.policies.distributions import Dist
from msforge.spec import schema_traffic as written
from msforge.spec.schema_system import SystemModel

NO_TIME: Final = Dist("constant", (0.0,))


def sources(model: SystemModel, names: Lookup, table: StepTable, duration: int) -> tuple[Source, ...]:
    """All sources in written order; fills the table of steps with their journeys."""
    return tuple([_source(name, source, names, table, duration) for name, source in model.traffic.items()])


def _source(name: str, source: written.Source, names: Lookup, table: StepTable, duration: int) -> Source:
    journey = _JourneyCompiler(table, names, source).journey(f"traffic.{name}")
    arrivals = "poisson"
    burst: tuple[float, ...] = ()
    times: tuple[int, ...] = ()
    if source.users is not None:
        arrivals = "closed"
    elif source.at is not None or source.replay is not None:
        arrivals = "given"
        given = sorted(source.at) if source.at is not None else source.replay.times if source.replay else ()
        times = tuple([source.start + time for time in given])
    elif isinstance(source.arrivals, written.Bursty):
        arrivals = "bursty"
        burst = (float(source.arrivals.on), float(source.arrivals.off), source.arrivals.peak)
    else:
        arrivals = source.arrivals
    thinks = source.users is not None
    return Source(
        index=names.sources[name],
        name=name,
        journey=journey,
        single=isinstance(source.target, str),
        arrivals=arrivals,
        stages=_stages(source, duration),
        burst=burst,
        times=times,
        start=0 if times else source.start,
        count=UNLIMITED if source.count is None else source.count,
        users=source.users or 0,
        think=(source.think or NO_TIME) if thinks else None,
        policy=guards.client(source),
        end=NEVER if source.for_ is None else source.start + source.for_,
    )


def _stages(source: written.Source, duration: int) -> tuple[Stage, ...]:
    if source.stages is not None:
        return tuple([Stage(stage.rate.begin, stage.rate.end, stage.for_) for stage in source.stages])
    if source.rate is None:
        return ()
    length = max(0, duration - source.start) if source.for_ is None else source.for_
    return (Stage(source.rate, source.rate, length),)


class _JourneyCompiler:
    """Compiles what one client of a source does in a turn."""

    def __init__(self, table: StepTable, names: Lookup, source: written.Source) -> None:
        self.table = table
        self.names = names
        self.source = source

    def journey(self, path: str) -> Block:
        """The steps of a turn: one call, a choice of calls, or a list with pauses in between."""
        target = self.source.target
        if isinstance(target, str):
            return (self._call(target, f"{path}.target", Words(), None),)
        if target is not None:
            index = self.table.reserve()
            inner = Words()
            blocks = tuple([
                (self._call(choice.target, f"{path}.target[{i}].target", inner, None),)
                for i, choice in enumerate(target)
            ])
            weights = shares([choice.weight for choice in target])
            return (self._put(index, Verb.CHOOSE, "choose#0", f"{path}.target", blocks=blocks, weights=weights),)
        return self._items(self.source.journey or (), f"{path}.journey", Words(), more=False)

    def _put(self, index: int, verb: Verb, word: str, path: str, **of_verb: object) -> int:
        return self.table.put(Step(index, verb, word, path, NONE, NONE, **of_verb))  # type: ignore[arg-type]

    def _call(self, target: str, path: str, words: Words, visit: written.Visit | None) -> int:
        index = self.table.reserve()
        body = self.names.bodies[target]
        policy = guards.client(self.source, self.table.protocols[body], visit)
        keep_going = visit is not None and visit.continue_
        word = words.next(None, "call", target)
        return self.table.put(client_call(index, word, path, body, policy, keep_going=keep_going))

    def _items(self, items: Sequence[object], path: str, words: Words, *, more: bool) -> Block:
        """A list of items. After a visit its own pause, else the source's unless one is written or it is last.

        `more` says whether something that is not a pause follows the list as a whole.
        """
        block: list[int] = []
        for i, item in enumerate(items):
            here = f"{path}[{i}]"
            last = i + 1 == len(items)
            goes_on = more if last else not isinstance(items[i + 1], written.Think)
            match item:
                case written.Visit():
                    block.append(self._call(item.target, here, words, item))
                    pause = item.think or (self.source.think if goes_on else None)
                    if pause is not None:
                        block.append(self._think(pause, here, words))
                case written.Think():
                    block.append(self._think(item.think, here, words))
                case written.JourneyChoose():
                    block.append(self._choose(item, here, words, goes_on))
                case written.JourneyRepeat():
                    block.append(self._repeat(item, here, words))
        return tuple(block)

    def _think(self, pause: Dist, path: str, words: Words) -> int:
        return self._put(self.table.reserve(), Verb.THINK, words.next(None, "think"), path, dist=pause)

    def _choose(self, item: written.JourneyChoose, path: str, words: Words, more: bool) -> int:
        index = self.table.reserve()
        word, inner = words.next(None, "choose"), Words()
        blocks = tuple([
            self._items(branch.journey, f"{path}.choose[{i}].journey", inner, more=more)
            for i, branch in enumerate(item.choose)
        ])
        weights = shares([branch.weight for branch in item.choose])
        return self._put(index, Verb.CHOOSE, word, path, blocks=blocks, weights=weights)

    def _repeat(self, item: written.JourneyRepeat, path: str, words: Words) -> int:
        index = self.table.reserve()
        word = words.next(None, "repeat")
        # Each round is followed by another as far as the plan can see, so its last visit pauses too.
        blocks = (self._items(item.journey, f"{path}.journey", Words(), more=True),)
        return self._put(index, Verb.REPEAT, word, path, dist=item.repeat, blocks=blocks)
