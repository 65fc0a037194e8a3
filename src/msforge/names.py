"""Names of services, endpoints, stores and all else that the user names.

A name is ASCII: letters, digits, `-` and `_`, starting with a letter, at most 63 long (the
length of a DNS label, since a service's name becomes a host's). No dots: a dot separates
service and endpoint. So a name is safe in paths, logs, HTML and generated code as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"
RULE: Final = "a name starts with a letter and has letters, digits, `-` and `_`, at most 63 in all"
_NAME = re.compile(PATTERN[:-1] + r"\Z")


def problem(text: str) -> str:
    """What is wrong with `text` as a name; empty when nothing is."""
    if _NAME.match(text):
        return ""
    if not text:
        return "a name cannot be empty"
    if len(text) > 63:
        return f"this name has {len(text)} characters, the most is 63"
    if not text[0].isascii() or not text[0].isalpha():
        return f"a name cannot start with {quoted(text[0])}"
    bad = next((char for char in text if not (char.isascii() and (char.isalnum() or char in "-_"))), text[0])
    return f"a name cannot contain {quoted(bad)}"


def quoted(char: str) -> str:
    """A character as a message shows it: visible ones as they are, others by number."""
    if char == "`":
        return "a backquote"
    return f"`{char}`" if char.isprintable() and char != " " else ("a space" if char == " " else f"U+{ord(char):04X}")


def closest(word: str, known: Iterable[str]) -> str:
    """The known word most like `word`, or an empty string when none is near."""
    if len(word) > 80:
        return ""
    candidates = list(known)
    folded = {candidate.lower().replace("_", "-"): candidate for candidate in reversed(candidates)}
    same = folded.get(word.lower().replace("_", "-"))
    if same is not None:
        return same
    near = get_close_matches(word, candidates, n=1, cutoff=0.6)
    return near[0] if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A help line that suggests the closest known word, or lists them when they are few, or is empty."""
    candidates = list(known)
    near = closest(word, candidates)
    if near:
        return f"did you mean `{near}`?"
    if 0 < len(candidates) <= 12:
        return f"known here: {', '.join(sorted(candidates))}"
    return ""
