"""Does it hold? Goals, for each seed by itself; limits and what had to stay; answers. Nothing here reads a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from msforge.lessons.expression import parse_comparison
from msforge.lessons.figures import Figure, FigureError, forgiving
from msforge.lessons.lab import Lab
from msforge.lessons.numbers import filled
from msforge.lessons.paths import differences, places, spent, under
from msforge.lessons.prose import shown
from msforge.lessons.runs import Runs
from msforge.results.result import ObjectiveResult, Result
from msforge.spec import Spec, from_data
from msforge.spec.places import Path, join, split
from msforge.spec.schema_lab import LabGoal

MOST = 5
"""Forbidden changes that are shown."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that had to hold, for `each` seed; `measured` is over all of them."""

    subject: str
    wanted: str
    measured: str
    each: tuple[bool, ...]
    says: str = ""
    why: str = ""
    run: str = ""

    @property
    def met(self) -> bool:
        """Whether it held for every seed."""
        return all(self.each)

    @property
    def held(self) -> int:
        """For how many seeds it held."""
        return sum(self.each)


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit, or something that had to stay as it was."""

    text: str
    found: str
    met: bool
    help: str = ""


@dataclass(frozen=True)
class Judgement:
    """All verdicts on one check."""

    goals: list[Verdict] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)

    @property
    def met(self) -> bool:
        """Whether everything holds."""
        return all(goal.met for goal in self.goals) and self.rules_met

    @property
    def rules_met(self) -> bool:
        """Whether the limits are kept and only what may be changed was changed."""
        return all(rule.met for rule in self.rules)


def goals(runs: Runs) -> Iterator[Verdict]:
    """The verdict on each objective and comparison of the lab's goals."""
    first = next(iter(runs.records))
    for goal in runs.lab.model.goals:
        run = goal.run or first
        for subject, objectives in goal.objectives.items():
            for objective in objectives:
                yield _objective(runs, goal, run, (subject, objective.text))
        for text in goal.figures:
            yield _comparison(runs, goal, run, text)


def _objective(runs: Runs, goal: LabGoal, run: str, wanted: tuple[str, str]) -> Verdict:
    def of(result: Result) -> ObjectiveResult:
        return next(each for each in result.objectives if (each.subject, each.text) == wanted)

    pooled = of(runs.pooled[run])
    held = tuple(of(result).met for result in runs.single[run])
    measured = shown(Figure(pooled.measured.value, pooled.unit))
    return _verdict(runs, goal, run, wanted, measured, held)


def _comparison(runs: Runs, goal: LabGoal, run: str, text: str) -> Verdict:
    wanted = parse_comparison(text)
    subject, _, bound = text.partition(f" {wanted.operator} ")
    figure = runs.lab.model.figures.get(subject)
    said = figure.says if figure is not None and figure.says else subject.replace("_", " ")
    try:
        held = tuple(wanted.holds(runs.numbers(seed)) for seed in range(runs.seeds))
        measured = shown(wanted.left.value(runs.numbers()))
    except FigureError as error:
        return Verdict(said, f"{wanted.operator} {bound}", "nothing", (False,) * runs.seeds, "", str(error))
    return _verdict(runs, goal, run, (said, f"{wanted.operator} {bound}"), measured, held)


def _verdict(
    runs: Runs, goal: LabGoal, run: str, wanted: tuple[str, str], measured: str, each: tuple[bool, ...]
) -> Verdict:
    why = filled(goal.why or "", forgiving(runs.numbers())) if not all(each) else ""
    return Verdict(*wanted, measured, each, goal.says or "", why, run if len(runs.records) > 1 else "")


def rules(lab: Lab, before: Mapping[str, Spec], after: Mapping[str, Spec]) -> list[Rule]:
    """Limits and forbidden changes; `before` is what was given at the start, `after` the learner's."""
    mine = lab.mine
    learners = {name: after[name] for name in mine}
    found = [_limit(lab, index, learners) for index in range(len(lab.limits))] if mine else []
    changed: dict[Path, tuple[str, str]] = {}
    for name in mine:
        old, new = _base(lab, before[name], after[name]).resolved(), after[name].resolved()
        for path in differences(old, new):
            if not _may_change(lab, path):
                changed.setdefault(path, (_at(old, path), _at(new, path)))
    said = lab.model.allow_change is not None
    help = f"this lab may change {', '.join(lab.model.allow_change or ())}" if lab.model.allow_change else (
        "this lab wants nothing changed" if said else f"this lab keeps {', '.join(lab.model.forbid_change)} as it is")
    for path, (old_value, new_value) in list(changed.items())[:MOST]:
        found.append(Rule(f"{join(path)} stays as it was", f"{old_value} became {new_value}", False, help))
    if len(changed) > MOST:
        found.append(Rule("and the rest, too", f"{len(changed) - MOST} more changes", False, "msforge lab reset"))
    return found


def _base(lab: Lab, before: Spec, after: Spec) -> Spec:
    """What the learner's is compared with: defaults that may be changed are as free in all they hold for."""
    written = after.document.get("defaults")
    if "defaults" not in (lab.model.allow_change or ()) or written == before.document.get("defaults"):
        return before
    document = {key: value for key, value in before.document.items() if key != "defaults"}
    return from_data(document | ({"defaults": written} if written else {}), folder=before.folder)


def _limit(lab: Lab, index: int, specs: Mapping[str, Spec]) -> Rule:
    """How the learner's system stands to a limit in all runs: a scenario may spend more than the file does.

    A run in which the lab itself sets what the limit is about says nothing of the learner.
    """
    limit = lab.limits[index]
    theirs = [spec for name, spec in specs.items()
              if not any(under(split(path) or (), limit.path) for path in lab.model.runs[name].set)]
    each = [spent(limit, spec.resolved()) for spec in theirs or specs.values()]
    found = next((one for one in each if not one.met), each[0])
    return Rule(found.text, found.found, found.met, "" if found.met else "the lab can be solved within its limits")


def _may_change(lab: Lab, path: Path) -> bool:
    if lab.model.allow_change is not None:
        return any(under(path, split(text) or ()) for text in lab.model.allow_change)
    return not any(under(path, split(text) or ()) for text in lab.model.forbid_change)


def _at(data: object, path: Path) -> str:
    found = [value for _, value in places(data, path)]
    text = "nothing" if not found or found[0] is None else str(found[0])
    return text if len(text) <= 40 else text[:37] + "..."
