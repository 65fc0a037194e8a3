"""Standard streams that can print anything: on an encoding without block characters, look-alikes are written."""

# ruff: noqa: RUF001
from __future__ import annotations

import codecs
import io
import sys

LOOK_ALIKES = {
    "✓": "+",
    "✗": "x",
    "±": "~",
    "×": "x",
    "…": ".",
    "→": ">",
    "←": "<",
    "–": "-",
    "—": "-",
    "─": "-",
    "│": "|",
    "▁": "_",
    "▂": ".",
    "▃": ":",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
    "█": "#",
    "▔": "~",
    "━": "-",
    "░": ".",
    "▒": ":",
    "•": "*",
    "·": ".",
    "µ": "u",
    "∞": "inf",
    "≤": "<=",
    "≥": ">=",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "⚠": "!",
    "▲": "^",
}  # one character for one wherever columns are at stake
_HANDLER = "msforge.look_alike"


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(LOOK_ALIKES.get(c, "?") for c in lost), error.end


def prepare_streams() -> None:
    """Makes stdout and stderr never fail to encode. Streams that a caller has replaced are left alone."""
    codecs.register_error(_HANDLER, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)
