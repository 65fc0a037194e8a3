"""What the lab's commands print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule as Line
from rich.table import Table
from rich.text import Text

from msforge.report.bigtype import big
from msforge.report.shapes import heading, table
from msforge.report.text import clean, count, plural

if TYPE_CHECKING:
    from msforge.lessons import Check, ClassReport, Lab
    from msforge.lessons.judge import Rule, Verdict
    from msforge.lessons.questions import Answered

_MARKS = {"solved": ("✓ solved", "green"), "started": ("… started", "yellow"), "skipped": ("– skipped", "dim")}  # noqa: RUF001


def listing(labs: Sequence[Lab], known: dict[str, dict[str, object]]) -> Iterator[RenderableType]:
    """All labs with their minutes and how far the learner is."""
    made = Table.grid(padding=(0, 2))
    for justify in ("right", "left", "right", "left"):
        made.add_column(justify=justify, no_wrap=justify == "right", overflow="fold")
    for lab in labs:
        words, style = _MARKS.get(str(known.get(lab.name, {}).get("status", "")), ("", ""))
        number = "" if lab.number is None else str(lab.number)
        made.add_row(Text(number, style="bold"), clean(lab.model.title), f"{lab.model.minutes} min", Text(words, style))
    yield made
    solved = sum(known.get(lab.name, {}).get("status") == "solved" for lab in labs)
    minutes = sum(lab.model.minutes for lab in labs)
    yield Text(f"\n{solved} of {plural(len(labs), 'lab')} solved · {minutes // 60} h {minutes % 60:02d} min in all")


def checked(check: Check, width: int) -> Iterator[RenderableType]:
    """A check: predictions, what must hold and does or doesn't, answers, and the verdict."""
    yield Text(clean(check.work.lab.title), style="bold")
    yield Line(style="default", characters="─")
    if check.predictions:
        yield heading("What you expected")
        yield from _answers(check.predictions, width)
    if check.judgement.goals:
        yield heading(f"What has to hold, for each of {plural(len(check.judgement.goals[0].each), 'seed')}")
        yield from _verdicts(check.judgement.goals)
    rules = [*check.judgement.rules, *check.commands]
    if rules:
        yield heading("Within these bounds" if not check.commands else "What else has to be")
        yield from _rules(rules)
    if check.questions:
        yield heading("Your answers")
        yield from _answers(check.questions, width, judged=True)


def _verdicts(goals: Sequence[Verdict]) -> Iterator[RenderableType]:
    made = Table.grid(padding=(0, 2), pad_edge=False)
    for fixed in (True, False, False, True, True):  # only words give way
        made.add_column(no_wrap=fixed, overflow="fold")
    several = any(goal.run for goal in goals)
    for goal in goals:
        run = f" · {clean(goal.run)}" if several and goal.run else ""
        how = "" if goal.met else "never" if not goal.held else f"{goal.held} of {len(goal.each)}"
        subject, measured = clean(goal.subject, limit=40) + run, clean(goal.measured)
        made.add_row(_mark(goal.met), subject, clean(goal.wanted), measured, Text(how, "bold red"))
    yield Padding(made, (0, 0, 0, 2))
    for words in dict.fromkeys(goal.why for goal in goals if not goal.met and goal.why):
        yield Padding(Text(f"→ {clean(words)}"), (1, 0, 0, 2))


def _rules(rules: Sequence[Rule]) -> Iterator[RenderableType]:
    for rule in rules:
        line = Text.assemble(_mark(rule.met), "  ", clean(rule.text))
        line.append(f"{':' if rule.met else chr(10) + '  '} {clean(rule.found)}", "" if rule.met else "bold red")
        yield Padding(line, (0, 0, 0, 2))
    for words in dict.fromkeys(rule.help for rule in rules if not rule.met and rule.help):
        yield Padding(Text(f"→ {clean(words)}"), (0, 0, 0, 2))


def _answers(answers: Sequence[Answered], width: int, *, judged: bool = False) -> Iterator[RenderableType]:
    for answer in answers:
        said = clean(answer.said, limit=60) or "nothing"
        yield Padding(Text(clean(answer.ask)), (0, 0, 0, 2))
        if judged and not answer.right:  # the right answer is the learner's to find
            mark, words = _mark(False), f"you: {said}" + (f" ({answer.off})" if answer.off else "")
        else:
            mark = _mark(answer.right) if answer.said else Text("·")
            off = f" ({answer.off})" if answer.off and answer.said else ""
            words = f"you: {said} · it is {clean(answer.truth)}{off}"
            if answer.because:
                words += f"\n{clean(answer.because)}"
        made = Table.grid(padding=(0, 1), pad_edge=False)  # so that every line hangs beside the mark
        made.add_row(mark, words)
        yield Padding(made, (0, 0, 1 if answer is not answers[-1] else 0, 4))


def _mark(good: bool) -> Text:
    return Text("✓", "bold green") if good else Text("✗", "bold red")


def page(text: str) -> RenderableType:
    """A page of a lab, as a terminal shows Markdown."""
    return Markdown(text, hyperlinks=False)


def diff(text: str) -> Text:
    """A unified diff, in colour where there is any; the signs say the same."""
    made = Text()
    for line in text.splitlines():
        style = "bold" if line.startswith(("+++", "---")) else {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        made.append(clean(line.replace("\t", "    ")) + "\n", style)
    return made


def presented(check: Check, width: int) -> Iterator[RenderableType]:
    """A check for a room: only what has to hold, in big type."""
    yield Text(big("SOLVED" if check.solved else "NOT SOLVED YET", width), "bold green" if check.solved else "bold red")
    for prediction in check.predictions:
        yield Text("\n" + clean(prediction.ask), "bold")
        yield Text(big(f"{prediction.said or '?'} - {prediction.truth.partition(':')[0]}", width))
    for goal in check.judgement.goals:
        run = f" · {clean(goal.run)}" if goal.run else ""
        yield Text(f"\n{'✓' if goal.met else '✗'} {clean(goal.subject)}{run}", "bold")
        yield Text(big(f"{goal.wanted}: {goal.measured}", width), "green" if goal.met else "red")
    for rule in [*check.judgement.rules, *check.commands]:
        if not rule.met:
            yield Text(f"\n✗ {clean(rule.text)}", "bold")
            yield Text(big(rule.found, width), "red")


def class_report(report: ClassReport, titles: dict[str, str], width: int) -> Iterator[RenderableType]:
    """A class's results."""
    yield Text(f"{plural(report.learners, 'learner')}, {plural(len(report.labs), 'lab')}", style="bold")
    rows = []
    for row in report.labs:
        close = sum(kept["close"] for kept in row.predictions.values())
        made = close + sum(kept["off"] for kept in row.predictions.values())
        rows.append((
            clean(titles.get(row.lab, row.lab)), str(row.started), str(row.solved), str(row.alone), str(row.skipped),
            count(row.median_checks), count(row.mean_hints), f"{close} of {made}" if made else "–",  # noqa: RUF001
        ))
    yield table(("", "started", "solved", "alone", "skipped", "checks", "hints", "predicted"), rows, width)
    said = "alone: without the solution · checks: median of those who solved it · hints: mean · predicted: close"
    yield Text(f"\n  {said}", "dim")
    for path, why in report.unread.items():
        yield Text(f"  not read: {clean(path)}: {clean(why)}", "yellow")
