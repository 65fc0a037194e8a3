"""The browser side as this installation has it: built into `web/dist` when msforge was installed."""

from __future__ import annotations

from pathlib import Path

from msforge.errors import UsageError


def bundle(page: str) -> Path:
    """The folder of a built page, `report` or `play`; its first file is index.html.

    Raises UsageError when it was not built, with the reason that the installation left and what to do.
    """
    dist = Path(__file__).resolve().parent.parent / "web" / "dist"
    if (dist / page / "index.html").is_file():
        return dist / page
    left = dist / "not-built.txt"
    reason = left.read_text("utf-8").strip() if left.is_file() else "it was left out"
    checkout = dist.parent / "package.json"
    again = "python tools/build_web.py" if checkout.is_file() else "pip install --force-reinstall --no-deps msforge"
    raise UsageError(
        f"the {page} needs msforge's browser side, which this installation lacks: {reason}",
        hint=f"with Node.js 22.12 or newer and a network, build it again: {again}. "
        "Everything else works without it; so does `msforge graph`",
    )
