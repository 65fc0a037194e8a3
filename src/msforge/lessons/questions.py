"""Predictions and questions: how an answer is written, and how near the run's own number it came."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from msforge.errors import UsageError
from msforge.lessons.expression import parse, parse_comparison
from msforge.lessons.figures import Figure, FigureError, quantity
from msforge.lessons.prose import fill, shown
from msforge.spec.schema_lab import LabQuestion

Look = Callable[[str], Figure]
_EXAMPLES = {"ns": "250ms", "ratio": "40%", "per_second": "120/s", "cost": "410", "count": "3.5"}


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, what was answered, and what the run says. `off` is how far off the answer is, in words."""

    name: str
    ask: str
    said: str
    truth: str
    right: bool
    off: str = ""
    because: str = ""


def unit_of(question: LabQuestion, look: Look | None) -> str:
    """The unit that a numeric answer has."""
    if question.figure is None or look is None:
        return "count"
    try:
        return parse(question.figure).value(look).unit
    except FigureError:
        return "count"


def how(question: LabQuestion, unit: str) -> str:
    """How to write an answer."""
    if question.choices is not None:
        return "one of " + ", ".join(question.choices)
    return f"a number, e.g. {_EXAMPLES.get(unit, '3.5')}"


def read_answer(name: str, question: LabQuestion, written: object, unit: str) -> str:
    """An answer as it is kept. Raises UsageError for one that cannot be meant."""
    text = " ".join(str(written).split())
    if question.choices is not None:
        word = text.lower().rstrip(".)")
        if word in question.choices:
            return word
        near = get_close_matches(word, question.choices, n=1)
        hint = f"did you mean `{near[0]}`?" if near else how(question, unit)
        raise UsageError(f"`{text[:60]}` is no answer to `{name}`", hint=hint)
    _number(name, question, text, unit)
    return text


def _number(name: str, question: LabQuestion, text: str, unit: str) -> float:
    """The answer as a number in the unit of the figure; a bare number is taken to be in the unit people speak in."""
    try:
        found = quantity(re.sub(r"(?<=\d)\s+(?=[a-zµ%/])", "", text))
    except ValueError as error:
        raise UsageError(f"`{text[:60]}` is no answer to `{name}`: {error}", hint=how(question, unit)) from None
    assert found.value is not None
    if found.unit == unit or (unit == "cost" and found.unit == "count"):
        return found.value
    if found.unit == "count" and unit == "per_second":
        return found.value
    if found.unit == "ratio" and unit == "count":
        return found.value
    if found.unit == "count" and unit == "ratio":
        return found.value if found.value <= 1 else found.value / 100  # 40 is said for 40 %
    raise UsageError(f"`{text[:60]}` is no answer to `{name}`: its unit is missing or another one",
                     hint=how(question, unit))


def judge(name: str, question: LabQuestion, said: str, look: Look) -> Answered:
    """What was said beside what is. `said` "" is a question without an answer."""
    because = fill(question.because or "", lambda hole: _hole(hole, look))
    if question.choices is not None:
        truth = question.right or ""
        return Answered(name, question.ask, said, f"{truth}: {question.choices[truth]}", said == truth, "", because)
    assert question.figure is not None and question.within is not None
    truth_figure = parse(question.figure).value(look)
    truth = shown(truth_figure)
    if not said or truth_figure.value is None:
        return Answered(name, question.ask, said, truth, False, "", because)
    value = _number(name, question, said, truth_figure.unit)
    off, close = _distance(value, truth_figure.value, quantity(question.within), truth_figure.unit)
    return Answered(name, question.ask, said, truth, close, off, because)


def _distance(value: float, truth: float, within: Figure, unit: str) -> tuple[str, bool]:
    allowed = within.value or 0.0
    if within.unit == "ratio" and unit != "ratio":
        allowed *= abs(truth)
    close = abs(value - truth) <= allowed
    if unit == "ratio":
        return f"{abs(value - truth) * 100:.2g} percentage points off", close
    if value <= 0 or truth <= 0:
        return f"{shown(Figure(abs(value - truth), unit))} off", close
    times = max(value / truth, truth / value)
    side = "too much" if value > truth else "too little"
    if times < 1.005:
        return "spot on", close
    return (f"{_times(times)} times {side}" if times >= 2 else f"{abs(value / truth - 1) * 100:.2g} % {side}"), close


def _times(times: float) -> str:
    return f"{times:.2g}" if times < 10 else f"{times:,.0f}"


def proven(question: LabQuestion, look: Look) -> list[str]:
    """What of a choice's proof does not hold in the run."""
    return [text for text in question.proof if not parse_comparison(text).holds(look)]


def truth(question: LabQuestion, look: Look) -> str:
    """The right answer, as a learner would write it; for `self-test`."""
    if question.choices is not None:
        return question.right or ""
    assert question.figure is not None
    found = parse(question.figure).value(look)
    value = found.value or 0.0
    written = {"ns": f"{value / 1e6:.6f}ms", "ratio": f"{value * 100:.6f}%", "per_second": f"{value:.6f}/s"}
    return written.get(found.unit, f"{value:.6f}")


def page(predict: Mapping[str, LabQuestion], questions: Mapping[str, LabQuestion], given: Mapping[str, str],
         units: Mapping[str, str]) -> str:
    """`answers.yaml`: every question with how to answer it, and what was answered so far."""
    parts = ["# Your answers. `msforge lab answer` asks them one by one; or write them here.\n"]
    for title, section in (("Before the first run: what do you expect?", predict),
                           ("After the run: what happened?", questions)):
        if section:
            parts.append(f"\n# {title}\n")
        for name, question in section.items():
            parts.append("\n" + "".join(f"# {line}\n" for line in _lines(question, units.get(name, "count"))))
            said = given.get(name, "")
            parts.append(f"{name}: {said}\n" if said else f"{name}:\n")
    return "".join(parts)


def _lines(question: LabQuestion, unit: str) -> list[str]:
    import textwrap

    lines = textwrap.wrap(question.ask, 100)
    if question.choices is not None:
        for word, text in question.choices.items():
            lines += textwrap.wrap(f"{word}: {text}", 96, initial_indent="  ", subsequent_indent="     ")
        return lines
    return [*lines, f"  ({how(question, unit)})"]


def _hole(hole: str, look: Look) -> str:
    plain, _, way = hole.partition(" as ")
    return shown(parse(plain).value(look), way.strip())
