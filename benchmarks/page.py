"""Puts what a benchmark printed into its place in docs/performance.md (`--write`)."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def machine() -> str:
    """What it ran on, as far as figures need it."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def put(place: str, text: str) -> None:
    """Replace what stands between the marks of `place`. Ends the program when the page lacks them."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {place} begin -->", f"<!-- {place} end -->"
    if begin not in page or end not in page:
        sys.exit(f"{PAGE.name} has no marks {begin} and {end}")
    head, rest = page.split(begin)
    tail = rest.split(end)[1]
    block = f"{begin}\n```\n{text.strip()}\n```\n{machine()}.\n{end}"
    PAGE.write_text(head + block + tail, encoding="utf-8", newline="\n")
