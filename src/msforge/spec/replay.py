"""Files of numbers named in a description: recorded arrival times and samples.

Such a file stands beside the description. It has one value a line, or is a CSV file whose
first column counts; a first line that is no number is a heading; `#` begins a comment.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path, PurePosixPath

from msforge import units

LARGEST = 50_000_000
"""Bytes; a larger file of numbers is refused."""


def read_times(name: str, folder: Path | None) -> tuple[int, ...]:
    """Times in ns, sorted, from a file of seconds (`1.5`) or durations (`1500ms`). Raises UnitError."""
    return _values(*_find(name, folder), "time")


def read_samples(name: str, folder: Path | None, durations: bool) -> tuple[float, ...]:
    """Samples from a file, sorted: ns when `durations`, else plain numbers. Raises UnitError."""
    return _values(*_find(name, folder), "time" if durations else "count")


def _find(name: str, folder: Path | None) -> tuple[str, str, int]:
    if folder is None:
        raise units.UnitError(
            f"`{name}` cannot be read: this description has no folder", "load the description from a file", "E208"
        )
    relative = PurePosixPath(name)
    if not name or "\0" in name or "\\" in name or relative.is_absolute() or ".." in relative.parts or ":" in name:
        raise units.UnitError(
            f"`{name[:80]}` is not the name of a file beside this one",
            "write a relative path with / and without ..",
            "E208",
        )
    path = folder / relative
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "there is no such file" if missing else getattr(error, "strerror", None) or "no such name"
        raise units.UnitError(
            f"`{name[:80]}` cannot be read: {reason}", "it is looked for beside the description", "E208"
        ) from None
    if not path.is_file():
        raise units.UnitError(f"`{name[:80]}` is not a file", "", "E208")
    if facts.st_size > LARGEST:
        raise units.UnitError(f"`{name}` has {facts.st_size} bytes, the most is {LARGEST}", "", "E208")
    return name, str(path), facts.st_mtime_ns


@lru_cache(maxsize=16)
def _values(name: str, path: str, _changed: int, kind: str) -> tuple[int, ...]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise units.UnitError(f"`{name}` cannot be read: {error.strerror}", "", "E208") from None
    except UnicodeDecodeError:
        raise units.UnitError(f"`{name}` is not a text file", "one value a line", "E208") from None
    values = []
    heading = True
    for number, line in enumerate(lines, start=1):
        word = line.partition("#")[0].partition(",")[0].partition(";")[0].strip().strip('"')
        if not word:
            continue
        try:
            values.append(_value(word, kind))
        except (units.UnitError, ValueError, OverflowError):
            if not heading:
                raise units.UnitError(
                    f"line {number} of `{name}` has no number: `{word[:40]}`",
                    "one value a line: seconds (1.5) or a duration (1500ms)",
                    "E208",
                ) from None
        heading = False
    if not values:
        raise units.UnitError(f"`{name}` has no values", "one value a line", "E208")
    return tuple(sorted(values))


def _value(word: str, kind: str) -> int:
    if kind == "count":
        number = round(float(word))
        if not 0 <= number <= 1_000_000_000:
            raise ValueError(word)
        return number
    try:
        nanoseconds = round(float(word) * units.SECOND)
    except ValueError:
        return units.parse_duration(word)
    if not 0 <= nanoseconds <= units.LONGEST:
        raise ValueError(word)
    return nanoseconds
