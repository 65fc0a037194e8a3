"""An endpoint's steps out of its visits: the order of its calls, the time between them, chance, retries, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Final

from msforge.draft.fit import fit, short
from msforge.draft.order import Leaf, Node, Parallel, Series, Slot, Slots, order, slots_of, slots_within
from msforge.draft.seen import Item, Target, Visit
from msforge.units import format_ratio

RARE: Final = 0.01        # share of requests that did something else and are left out
MOST_BRANCHES: Final = 8
ENOUGH: Final = 5         # requests that went well, for the failed ones to be left out of the order
NOTHING: Final = 1_000    # ns: a mean time between steps below this is none
LITTLE: Final = 0.002     # and so is one below this share of the whole
LONGEST_PERIOD: Final = 6


@dataclass
class Step:
    """A step as it is written: `verb: value`, options, inner steps or branches, and comments above."""

    verb: str
    value: str = ""
    options: dict[str, str] = field(default_factory=dict)
    steps: list[Step] | None = None
    branches: list[tuple[str, list[Step]]] | None = None  # parallel and choose: a weight ("" in parallel), steps
    notes: list[str] = field(default_factory=list)

    def same(self, other: Step) -> bool:
        """Whether the two are written alike."""
        return self.words() == other.words()

    def doubts(self) -> Iterator[str]:
        """Its comments, and those of all inside."""
        yield from self.notes
        for inner in (*(self.steps or ()), *(step for _, steps in self.branches or () for step in steps)):
            yield from inner.doubts()

    def words(self) -> tuple[object, ...]:
        """What is written, without comments."""
        inner = None if self.steps is None else tuple(step.words() for step in self.steps)
        branches = None if self.branches is None else tuple(
            (weight, *(step.words() for step in steps)) for weight, steps in self.branches
        )
        return self.verb, self.value, tuple(self.options.items()), inner, branches


@dataclass
class _Moment:
    """A visit while its steps are gone through: its parts, and how far it has come (ns)."""

    visit: Visit
    slots: Slots
    at: int


class Steps:
    """Makes the steps of one endpoint. `name` gives a target as it is written."""

    def __init__(self, visits: Sequence[Visit], name: Callable[[str, Target], str]) -> None:
        self.visits = visits
        self.name = name
        self.notes: list[str] = []
        self.whole = fmean(visit.end - visit.begin for visit in visits)

    def make(self) -> list[Step]:
        """The steps, with those of a failure at the end."""
        good = [visit for visit in self.visits if not visit.failed]
        used = good if len(good) >= ENOUGH or 2 * len(good) > len(self.visits) else list(self.visits)
        if len(used) < ENOUGH:
            self.notes.append(f"from {len(used)} request{'s' if len(used) > 1 else ''} only")
        usual = {item.label for visit in used for item in visit.items}
        for kind, target in dict.fromkeys(item.label for visit in self.visits for item in visit.items):
            if (kind, target) not in usual:
                self.notes.append(f"{kind} {self.name(kind, target)} was seen in failed requests only, and is left out")
        moments = [_Moment(visit, slots_of(visit), visit.begin + visit.queue) for visit in used]
        steps = self._chance(self._groups(moments))
        failing = sum(visit.failed and not any(item.failed for item in visit.items) for visit in self.visits)
        if failing:
            share = min(1.0, round(failing / len(self.visits), 4) or 0.0001)
            steps.append(Step("fail", str(format_ratio(share)), notes=[
                f"{failing} of {len(self.visits)} failed by themselves; when in a request, traces do not say"
            ]))
        return steps

    def _groups(self, moments: list[_Moment]) -> list[list[_Moment]]:
        """Requests that did the same things, most frequent first; rare ones left out."""
        groups: dict[tuple[Slot, ...], list[_Moment]] = {}
        for moment in moments:
            groups.setdefault(tuple(sorted(moment.slots)), []).append(moment)
        ordered = sorted(groups.values(), key=len, reverse=True)
        kept = [group for group in ordered if len(group) >= RARE * len(moments)][:MOST_BRANCHES] or ordered[:1]
        rare = len(moments) - sum(map(len, kept))
        if rare:
            self.notes.append(f"{rare} of {len(moments)} requests did something else, and are left out")
        return kept

    # -- chance ------------------------------------------------------------------------------------

    def _chance(self, groups: list[list[_Moment]]) -> list[Step]:
        """What all have in common, and a choice where they part."""
        trees = [order([moment.slots for moment in group]) for group in groups]
        everyone = [moment for group in groups for moment in group]
        if len(groups) == 1:
            return self._series(trees[0], everyone, last=True)
        shortest = min(len(tree.parts) for tree in trees)
        head = _common(trees, range(shortest))
        tail = _common(trees, range(-1, head - shortest - 1, -1))
        steps = self._series(Series(trees[0].parts[:head]), everyone, last=False)
        branches = []
        for tree, group in zip(trees, groups, strict=True):
            middle = Series(tree.parts[head : len(tree.parts) - tail])
            branches.append((str(len(group)), self._series(middle, group, last=not tail)))
        note = "requests differ: how often each way was taken is its weight"
        steps.append(Step("choose", branches=branches, notes=[note]))
        if tail:
            steps += self._series(Series(trees[0].parts[-tail:]), everyone, last=True)
        return steps

    # -- one tree ----------------------------------------------------------------------------------

    def _series(self, tree: Series, moments: list[_Moment], *, last: bool) -> list[Step]:
        """Parts in a row with the time between them; with `last`, that up to the end too."""
        steps: list[Step] = []
        for part in tree.parts:
            slots = slots_within(part)
            spans = [(min(m.slots[s].begin for s in slots), max(m.slots[s].end for s in slots)) for m in moments]
            steps += self._gap([begin - m.at for m, (begin, _) in zip(moments, spans, strict=True)])
            steps.append(self._part(part, moments))
            for moment, (_, end) in zip(moments, spans, strict=True):
                moment.at = max(moment.at, end)
        if last:
            steps += self._gap([moment.visit.end - moment.at for moment in moments])
        return _folded(steps)

    def _gap(self, gaps: list[int]) -> list[Step]:
        """The time between two parts, when there is any worth a line."""
        times = [max(0, gap) for gap in gaps]
        if not times or fmean(times) < max(NOTHING, LITTLE * self.whole):
            return []
        text = fit(times)
        return [Step("work", text)] if text != "0s" else []

    def _part(self, part: Node, moments: list[_Moment]) -> Step:
        if isinstance(part, Leaf):
            return self._leaf([moment.slots[part.slot] for moment in moments])
        branches = [self._branch(inner, moments) for inner in part.parts]
        notes = ["these overlap in no order that sequences and parallels can express"] if isinstance(
            part, Parallel) and part.doubtful else []
        if isinstance(part, Series):
            return Step("steps", steps=self._branch(part, moments), notes=notes)
        if len(branches) > 2 and all(_alike(branches[0], branch) for branch in branches[1:]):
            return Step("parallel", str(len(branches)), steps=branches[0], notes=notes)
        return Step("parallel", branches=[("", branch) for branch in branches], notes=notes)

    def _branch(self, node: Node, moments: list[_Moment]) -> list[Step]:
        """A branch of a parallel: its time begins with its first part."""
        if not isinstance(node, Series):
            return [self._part(node, moments)]
        slots = slots_within(node)
        inner = [
            _Moment(moment.visit, moment.slots, min(moment.slots[slot].begin for slot in slots)) for moment in moments
        ]
        return self._series(node, inner, last=False)

    def _leaf(self, items: list[Item]) -> Step:
        step = Step(items[0].kind, self.name(items[0].kind, items[0].target))
        if step.verb != "call":
            return step
        ends = [item.single for item in items if item.timed_out and item.failed]
        if len(ends) > 1 and max(ends) - min(ends) <= 0.02 * max(ends):
            step.options["timeout"] = short(median(ends))
            step.notes.append("callers gave up after this time, every time")
        tries = max(item.tries for item in items)
        if tries > 1:
            pauses = [item.pause for item in items if item.pause > 0]
            backoff = f", backoff: {short(median(pauses))}" if pauses else ""
            step.options["retry"] = f"{{attempts: {min(tries, 100)}{backoff}}}"
            step.notes.append(f"up to {tries} tries of one call were seen, {short(median(pauses or [0]))} apart")
        spared = sum(item.failed for item in items)
        if spared and len(items) == len([m for m in self.visits if not m.failed]):
            step.options["fallback"] = "{}"
            step.notes.append(f"{spared} of these calls failed and the request went well: something makes up for it")
        return step


def _common(trees: Sequence[Series], places: Sequence[int]) -> int:
    """How many of the parts at these places are the same in all trees."""
    count = 0
    for place in places:
        if any(tree.parts[place] != trees[0].parts[place] for tree in trees[1:]):
            break
        count += 1
    return count


def _alike(a: list[Step], b: list[Step]) -> bool:
    return len(a) == len(b) and all(x.same(y) for x, y in zip(a, b, strict=True))


def _shape(step: Step) -> tuple[object, ...]:
    """What is done, without how long it takes."""
    return ("work",) if step.verb == "work" else step.words()


def _folded(steps: list[Step]) -> list[Step]:
    """The same thing several times in a row as one `repeat`."""
    found: list[Step] = []
    at = 0
    while at < len(steps):
        best = (0, 1, 1)
        for period in range(1, LONGEST_PERIOD + 1):
            times = _times(steps, at, period)
            if times > 1 and any(step.verb != "work" for step in steps[at : at + period]):
                best = max(best, (period * times, -period, times))
        if best[2] > 1:
            found.append(Step("repeat", str(best[2]), steps=steps[at : at - best[1]]))
            at += best[0]
        else:
            found.append(steps[at])
            at += 1
    return found


def _times(steps: list[Step], at: int, period: int) -> int:
    """How often the `period` steps from `at` on are there in a row."""
    shape = [_shape(step) for step in steps[at : at + period]]
    times = 1
    while len(shape) == period and [
        _shape(step) for step in steps[at + times * period : at + (times + 1) * period]
    ] == shape:
        times += 1
    return times

