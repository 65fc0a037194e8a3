"""Distributions as text: `lognormal(mean=5ms p99=30ms)` -> `Dist`, and back.

Arguments are separated by spaces (a comma inside YAML's `{ }` or `[ ]` would end the value;
where YAML leaves commas whole they are accepted). Formulas are written out in
`docs/reference/distributions.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from msforge import units
from msforge.names import did_you_mean
from msforge.policies import fits
from msforge.policies.distributions import Dist
from msforge.spec.replay import read_samples

DEEPEST: Final = 4
_MOST_VARIED: Final = 1000
_MOST_ARGUMENTS: Final = 1_000_000


class Measure(Enum):
    """What a distribution draws: times in ns, or whole numbers."""

    DURATION = "duration"
    COUNT = "count"


DURATION: Final = Measure.DURATION
COUNT: Final = Measure.COUNT
_CALL_PATTERN: Final = r"[a-z]+\(.*\)"
DURATION_PATTERN: Final = rf"{units.DURATION_PATTERN[:-1]}$|^{_CALL_PATTERN}$"
COUNT_PATTERN: Final = rf"^{_CALL_PATTERN}$"


@dataclass(frozen=True, slots=True)
class _Argument:
    name: str  # "" when it has none
    text: str  # the value as written


def parse(value: Any, measure: Measure, folder: Path | None = None) -> Dist:
    """A duration (or number) or a distribution as text -> Dist. Raises `units.UnitError`."""
    if isinstance(value, str) and "(" in value:
        if "empirical" in value:
            return _call(value.strip(), measure, folder, 0)
        return _cached(value.strip(), measure)
    return Dist("constant", (_scalar(value, measure),))


@lru_cache(maxsize=4096)
def _cached(text: str, measure: Measure) -> Dist:
    return _call(text, measure, None, 0)


def _scalar(value: Any, measure: Measure) -> float:
    if measure is DURATION:
        try:
            return float(units.parse_duration(value))
        except units.UnitError as error:
            if error.code == "E201" and not (isinstance(value, str) and re.search(r"[0-9][: ]", value)):
                raise units.UnitError(
                    f"a duration or a distribution is needed here, found {_quoted(value)}",
                    "write e.g. 5ms or exponential(5ms)",
                ) from None
            raise
    number = value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value):
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or number != number or abs(number) > 1e9:
        raise units.UnitError(
            f"a whole number or a distribution is needed here, found {_quoted(value)}",
            "write e.g. 3 or uniform(1 5)",
            "E203",
        )
    if number < 0 or number != int(number):
        raise units.UnitError(f"a whole number from 0 is needed here, found `{value}`", "", "E204")
    return float(number)


def _quoted(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _call(text: str, measure: Measure, folder: Path | None, depth: int) -> Dist:
    match = re.match(r"([A-Za-z_]+)\s*\(", text)
    if match is None:
        raise units.UnitError(f"{_quoted(text)} is not a distribution", "write e.g. exponential(5ms)", "E210")
    name = match[1]
    if name not in _BUILDERS:
        raise units.UnitError(
            f"there is no distribution `{name[:40]}`",
            did_you_mean(name, _BUILDERS) or f"the distributions are {', '.join(_BUILDERS)}",
            "E210",
        )
    if not text.endswith(")"):
        raise units.UnitError(f"{_quoted(text)} has no closing `)` at its end", f"write e.g. {_EXAMPLES[name]}", "E210")
    if depth > DEEPEST:
        raise units.UnitError("distributions are nested too deeply", f"at most {DEEPEST} deep", "E210")
    arguments = _arguments(text[match.end() : -1], name)
    maker = _Maker(name, arguments, measure, folder, depth)
    try:
        dist = _BUILDERS[name](maker)
        return Dist(*dist) if isinstance(dist, tuple) else dist
    except units.UnitError:
        raise
    except (ValueError, OverflowError) as error:
        raise units.UnitError(str(error), f"write e.g. {_EXAMPLES[name]}", "E211") from None


def _arguments(inside: str, name: str) -> list[_Argument]:
    """Splits at spaces and commas outside parentheses; `name = value` may have spaces around its `=`."""
    if "(" not in inside:
        return _named(re.sub(r"\s*=\s*", "=", inside).replace(",", " ").split(), name)
    words, current, level = [], "", 0
    for char in re.sub(r"\s*=\s*", "=", inside):
        if char in " \t\n," and level == 0:
            if current:
                words.append(current)
            current = ""
            continue
        level += (char == "(") - (char == ")")
        if level < 0:
            break
        current += char
    if level != 0:
        raise units.UnitError(f"the parentheses of `{name}(...)` do not match", f"write e.g. {_EXAMPLES[name]}", "E210")
    if current:
        words.append(current)
    return _named(words, name)


def _named(words: list[str], name: str) -> list[_Argument]:
    if len(words) > _MOST_ARGUMENTS:
        raise units.UnitError(f"`{name}` has {len(words)} arguments, the most is {_MOST_ARGUMENTS}", "", "E211")
    arguments = []
    for word in words:
        match = re.match(r"([A-Za-z_][A-Za-z0-9_.]*)=(.*)", word, re.DOTALL)
        arguments.append(_Argument(match[1], match[2]) if match else _Argument("", word))
    return arguments


@dataclass
class _Maker:
    """The arguments of one distribution while its builder reads them."""

    name: str
    arguments: list[_Argument]
    measure: Measure
    folder: Path | None
    depth: int

    def fail(self, message: str) -> units.UnitError:
        return units.UnitError(f"{self.name}: {message}", f"write e.g. {example(self.name, self.measure)}", "E211")

    def named(self, *forms: tuple[str, ...]) -> dict[str, str]:
        """The arguments by name, in one of the forms; arguments without names go in the first form's order."""
        given = self.arguments
        if given and all(not a.name for a in given):
            if len(given) != len(forms[0]):
                raise self.fail(f"takes {_and(forms[0])}, found {len(given)} value{'s' * (len(given) != 1)}")
            return dict(zip(forms[0], (a.text for a in given), strict=True))
        names = [a.name for a in given]
        if "" in names:
            raise self.fail("name all arguments or none")
        for form in forms:
            if sorted(names) == sorted(form):
                return {a.name: a.text for a in given}
        forms_text = " or ".join(_and(form) for form in forms)
        raise self.fail(f"takes {forms_text}, found {_and(tuple(names)) if names else 'nothing'}")

    def amount(self, text: str) -> float:
        """A value of what is drawn: ns or a number."""
        if self.measure is COUNT:
            return self.number(text)
        try:
            return float(units.parse_duration(_plain(text)))
        except units.UnitError as error:
            raise units.UnitError(f"{self.name}: {error}", error.help, error.code) from None

    def number(self, text: str) -> float:
        number = _plain(text)
        if isinstance(number, str) or not 0 <= number <= 1e15:
            raise self.fail(f"a number is needed, found `{text[:40]}`")
        return float(number)

    def cv(self, text: str) -> float:
        """A coefficient of variation, deviation over mean."""
        cv = self.number(text)
        if cv > _MOST_VARIED:
            raise self.fail(f"cv is at most {_MOST_VARIED}")
        return cv

    def share(self, text: str) -> float:
        try:
            return units.parse_ratio(_plain(text))
        except units.UnitError as error:
            raise self.fail(str(error)) from None


def _plain(text: str) -> Any:
    return float(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?", text) else text


def _and(words: tuple[str, ...]) -> str:
    return " and ".join(words)


Made = tuple[str, tuple[float, ...]] | Dist


def _exponential(make: _Maker) -> Made:
    return "exponential", (make.amount(make.named(("mean",))["mean"]),)


def _uniform(make: _Maker) -> Made:
    given = make.named(("low", "high"))
    return "uniform", (make.amount(given["low"]), make.amount(given["high"]))


def _normal(make: _Maker) -> Made:
    given = make.named(("mean", "sd"), ("mean", "cv"))
    mean = make.amount(given["mean"])
    sd = make.amount(given["sd"]) if "sd" in given else mean * make.number(given["cv"])
    return "normal", (mean, sd)


_PERCENTILES: Final = {"p75": 0.75, "p90": 0.90, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
_LOGNORMAL_FORMS: Final = tuple((middle, spread) for middle in ("mean", "median") for spread in (*_PERCENTILES, "cv"))

_LOGNORMAL_NAMES: Final = {tuple(sorted(form)) for form in _LOGNORMAL_FORMS}


def _lognormal(make: _Maker) -> Made:
    if make.arguments and not any(a.name for a in make.arguments):
        raise make.fail("its arguments need names")
    if tuple(sorted(a.name for a in make.arguments)) not in _LOGNORMAL_NAMES:
        found = _and(tuple(a.name for a in make.arguments)) or "nothing"
        raise make.fail(f"takes mean or median, and one of {', '.join(_PERCENTILES)}, cv; found {found}")
    given = make.named(*_LOGNORMAL_FORMS)
    middle = "mean" if "mean" in given else "median"
    spread = next(name for name in given if name != middle)
    centre = make.amount(given[middle])
    if centre <= 0:
        raise make.fail(f"the {middle} must be above 0")
    if spread == "cv":
        fit = fits.lognormal_mean_cv if middle == "mean" else fits.lognormal_median_cv
        return fit(centre, make.cv(given["cv"]))
    high, p = make.amount(given[spread]), _PERCENTILES[spread]
    if high < centre:
        raise make.fail(f"the {spread} must not be below the {middle}")
    if middle == "median":
        return fits.lognormal_median_percentile(centre, high, p)
    return fits.lognormal_mean_percentile(centre, high, p)


def _gamma(make: _Maker) -> Made:
    given = make.named(("mean", "cv"), ("shape", "scale"))
    if "shape" in given:
        return "gamma", (make.number(given["shape"]), make.amount(given["scale"]))
    mean, cv = make.amount(given["mean"]), make.cv(given["cv"])
    if mean <= 0:
        raise make.fail("the mean must be above 0")
    return fits.gamma_mean_cv(mean, cv)


def _erlang(make: _Maker) -> Made:
    given = make.named(("k", "mean"))
    return "erlang", (make.number(given["k"]), make.amount(given["mean"]))


def _pareto(make: _Maker) -> Made:
    given = make.named(("scale", "alpha"))
    return "pareto", (make.amount(given["scale"]), make.number(given["alpha"]))


def _weibull(make: _Maker) -> Made:
    given = make.named(("scale", "shape"))
    return "weibull", (make.amount(given["scale"]), make.number(given["shape"]))


def _hyperexponential(make: _Maker) -> Made:
    if any(a.name for a in make.arguments):
        given = make.named(("mean", "cv"))
        mean, cv = make.amount(given["mean"]), make.cv(given["cv"])
        if mean <= 0:
            raise make.fail("the mean must be above 0")
        if cv < 1:
            raise make.fail("cv must be at least 1")
        return fits.hyperexponential_mean_cv(mean, cv)
    texts = [a.text for a in make.arguments]
    if len(texts) < 4 or len(texts) % 2:
        raise make.fail("takes a share and a mean, at least twice, or mean and cv")
    shares = [make.share(text) for text in texts[0::2]]
    _whole(make, shares)
    params = [part for pair in zip(shares, (make.amount(text) for text in texts[1::2]), strict=True) for part in pair]
    return "hyperexponential", tuple(params)


def _whole(make: _Maker, shares: list[float]) -> None:
    if abs(sum(shares) - 1) > 1e-9:
        raise make.fail(f"the shares add up to {units.format_ratio(round(sum(shares), 9))}, not 100%")


def _mixture(make: _Maker) -> Made:
    texts = [a.text for a in make.arguments]
    if any(a.name for a in make.arguments) or len(texts) < 2 or len(texts) % 2:
        raise make.fail("takes a share and a distribution, each time")
    shares = [make.share(text) for text in texts[0::2]]
    _whole(make, shares)
    parts = tuple(
        _call(text, make.measure, make.folder, make.depth + 1)
        if "(" in text
        else Dist("constant", (make.amount(text),))
        for text in texts[1::2]
    )
    return Dist("mixture", tuple(shares), parts)


def _empirical(make: _Maker) -> Made:
    texts = [a.text for a in make.arguments]
    if not texts or any(a.name for a in make.arguments):
        raise make.fail("takes a file name, or values")
    if len(texts) == 1 and not texts[0][0].isdigit():
        return "empirical", tuple(float(v) for v in read_samples(texts[0], make.folder, make.measure is DURATION))
    return "empirical", tuple(sorted(make.amount(text) for text in texts))


def _zipf(make: _Maker) -> Made:
    if make.measure is not COUNT:
        raise make.fail("draws a rank, not a duration")
    given = make.named(("n", "s"))
    n = make.number(given["n"])
    if n > 1_000_000:
        raise make.fail("n is at most 1000000")
    return "zipf", (n, make.number(given["s"]))


_BUILDERS: Final[dict[str, Callable[[_Maker], Made]]] = {
    "exponential": _exponential,
    "lognormal": _lognormal,
    "uniform": _uniform,
    "normal": _normal,
    "gamma": _gamma,
    "erlang": _erlang,
    "pareto": _pareto,
    "weibull": _weibull,
    "hyperexponential": _hyperexponential,
    "empirical": _empirical,
    "mixture": _mixture,
    "zipf": _zipf,
}
_EXAMPLES: Final = {
    "exponential": "exponential(5ms)",
    "lognormal": "lognormal(mean=5ms p99=30ms)",
    "uniform": "uniform(2ms 8ms)",
    "normal": "normal(5ms 1ms)",
    "gamma": "gamma(mean=5ms cv=0.5)",
    "erlang": "erlang(k=3 mean=5ms)",
    "pareto": "pareto(scale=2ms alpha=2.5)",
    "weibull": "weibull(scale=5ms shape=0.8)",
    "hyperexponential": "hyperexponential(90% 2ms 10% 50ms)",
    "empirical": "empirical(samples.csv)",
    "mixture": "mixture(99% exponential(2ms) 1% 200ms)",
    "zipf": "zipf(n=1000 s=1.1)",
}


def example(name: str, measure: Measure) -> str:
    """How a distribution is written, of durations or of numbers."""
    return _EXAMPLES[name] if measure is DURATION else re.sub(r"(?<=[0-9])ms", "", _EXAMPLES[name])


def write_duration(dist: Dist) -> str:
    """The text of a constant (every default is one) or of samples, whose file need not come along."""
    if dist.kind == "empirical":
        return f"empirical({' '.join(units.format_duration(round(value)) for value in dist.params)})"
    return units.format_duration(round(dist.params[0]))


def write_count(dist: Dist) -> int | str:
    """The number or text of a constant or of samples."""
    if dist.kind == "empirical":
        return f"empirical({' '.join(str(int(value)) for value in dist.params)})"
    return int(dist.params[0])
