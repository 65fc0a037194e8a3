"""What was doubtful: said once, with how often, at the place and in the list."""

from __future__ import annotations

MOST = 60
LENGTH = 160


class Notes:
    """Warnings, each once, in order of their first appearance; later ones of the same words are counted."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, text: str, times: int = 1) -> None:
        """One more."""
        self._counts[text] = self._counts.get(text, 0) + times

    def lines(self) -> list[str]:
        """All of them; beyond MOST only how many."""
        said = [f"{text} ({times:,} times)" if times > 1 else text for text, times in self._counts.items()]
        if len(said) > MOST:
            said = [*said[:MOST], f"and {len(said) - MOST} more like these"]
        return said


def plain(text: str) -> str:
    """A stranger's text on one line of printable ASCII, cut to a sensible length."""
    shown = "".join(char if " " <= char <= "~" else "?" for char in text[: LENGTH * 2])
    return shown if len(shown) <= LENGTH else shown[: LENGTH - 3] + "..."
