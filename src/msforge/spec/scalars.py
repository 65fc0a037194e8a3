"""Plain scalars as YAML 1.2's core schema reads them.

So `no`, `on` and `1:30` are strings, `0755` is the number 755, `0o755` is octal, and
`1_000` is a string (which no number field takes, and says so).
"""

from __future__ import annotations

import re
from typing import Final

Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".inf": float("inf"),
    ".Inf": float("inf"),
    ".INF": float("inf"),
    "+.inf": float("inf"),
    "+.Inf": float("inf"),
    "+.INF": float("inf"),
    "-.inf": float("-inf"),
    "-.Inf": float("-inf"),
    "-.INF": float("-inf"),
    ".nan": float("nan"),
    ".NaN": float("nan"),
    ".NAN": float("nan"),
}
_NUMERIC_START: Final = frozenset("0123456789+-.")
_WORD_START: Final = frozenset("~nNtTfF.+-")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONGEST_INT: Final = 40


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar."""
    if not text:
        return None
    first = text[0]
    if first in _NUMERIC_START:
        if _INT.fullmatch(text):
            return int(text) if len(text) <= _LONGEST_INT else float(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if text[:2] == "0o" and re.fullmatch(r"0o[0-7]{1,60}", text):
            return int(text[2:], 8)
        if text[:2] == "0x" and re.fullmatch(r"0x[0-9a-fA-F]{1,60}", text):
            return int(text[2:], 16)
    if first in _WORD_START and text in _WORDS:
        return _WORDS[text]
    return text


def reads_as_string(text: str) -> bool:
    """Whether `text` written without quotes would be a string again, on one line of a block mapping."""
    return (
        isinstance(plain(text), str)
        and text[0] not in "!&*-?|>%@`\"'#,[]{}:= "
        and text[-1] not in " :"
        and ": " not in text
        and " #" not in text
        and text.isprintable()
    )
