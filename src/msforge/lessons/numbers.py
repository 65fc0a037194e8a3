"""`numbers.json`: the figures of a lab's own start, as CI's run made them. Prose and predictions are held to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from msforge.lessons.expression import ExpressionError, parse
from msforge.lessons.figures import Figure, FigureError
from msforge.lessons.lab import NUMBERS, Lab
from msforge.lessons.prose import fill, shown


def to_text(figures: Mapping[str, Figure]) -> str:
    """The file. Seven digits: more would differ from platform to platform."""
    plain = {
        name: {"value": None if f.value is None else float(f"{f.value:.7g}"), "unit": f.unit}
        for name, f in figures.items()
    }
    return json.dumps(plain, indent=1) + "\n"


def recorded(lab: Lab) -> Callable[[str], Figure] | None:
    """Gives a figure of the start by name; None for a lab whose numbers were not made yet."""
    text = lab.text(NUMBERS)
    if not text:
        return None
    plain = json.loads(text)

    def found(name: str) -> Figure:
        if name not in plain:
            raise FigureError(f"{NUMBERS} has no `{name}`")
        return Figure(plain[name]["value"], plain[name]["unit"])

    return found


def filled(
    text: str, look: Callable[[str], Figure], *, start: Callable[[str], Figure] | None = None,
    predicted: Mapping[str, str] | None = None, system: Callable[[str], Any] = lambda path: "nothing",
) -> str:
    """A text with all its holes filled. Raises FigureError for one that cannot be."""

    def say(hole: str) -> str:
        plain, _, way = (part.strip() for part in hole.partition(" as "))
        first, _, rest = plain.partition(".")
        if first == "system":
            return str(system(rest))
        if first == "predicted":
            return (predicted or {}).get(rest) or "nothing"
        try:
            if first == "start":
                return shown(parse(rest).value(start or look), way)
            return shown(parse(plain).value(look), way)
        except ExpressionError as error:
            raise FigureError(str(error)) from None

    return fill(text, say)
