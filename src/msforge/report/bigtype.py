"""Big type for a projector: letters three lines high, in half blocks, 20 of them to 80 columns."""

from __future__ import annotations

import textwrap
from typing import Final

# Five rows of three dots each, top to bottom, as octal digits: 7 is ###, 5 is #.#
_DOTS: Final = {
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644", "G": "34553", "H": "55755",
    "I": "72227", "J": "11152", "K": "55655", "L": "44447", "M": "57755", "N": "65555", "O": "25552", "P": "65644",
    "Q": "25573", "R": "65655", "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255",
    "Y": "55222", "Z": "71247", "0": "75557", "1": "26227", "2": "61247", "3": "61216", "4": "55711", "5": "74616",
    "6": "34757", "7": "71222", "8": "75757", "9": "75716", " ": "00000", ".": "00002", ",": "00024", ":": "02020",
    "%": "51245", "<": "12421", ">": "42124", "=": "07070", "/": "11244", "-": "00700", "+": "02720", "!": "22202",
    "?": "61202", "'": "22000", "(": "12221", ")": "42224", "·": "00200", "_": "00007",
}  # fmt: skip
_HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
WIDE: Final = 4


def big(text: str, width: int) -> str:
    """`text` in big type, broken into lines of at most `width` columns; what has no big letter is a space."""
    lines = textwrap.wrap(text.upper(), max(width // WIDE, 4), break_long_words=True) or [""]
    return "\n".join(_line(line) for line in lines)


def _line(text: str) -> str:
    rows = []
    for top in (0, 2, 4):
        cells = []
        for letter in text:
            dots = _DOTS.get(letter, _DOTS[" "])
            upper, lower = int(dots[top]), int(dots[top + 1]) if top + 1 < len(dots) else 0
            cells.append("".join(_HALVES[bool(upper & bit), bool(lower & bit)] for bit in (4, 2, 1)) + " ")
        rows.append("".join(cells).rstrip())
    return "\n".join(rows)
