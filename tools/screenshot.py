"""Draw docs/images: what the terminal shows of real runs of the examples, the shop's graph, and two pages.

    python tools/screenshot.py

Nothing is touched up: the command runs as a user runs it, on a terminal 80 columns wide, and what it
printed is drawn, down to where its long tables begin. The report, and a verification (three minutes, in which the
machine should have nothing else to do), are photographed in the Chromium that is installed here, driven by the
Python package playwright; without either their pictures stay as they are.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

import msforge

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
WIDTH = 80
TABLES = "Endpoints, as their services saw them"
REST = "  ... and the tables: endpoints, services, calls, stores, channels, cost"
SHOTS = {
    "shop": "simulate examples/shop/shop.yaml --scenario payment-slow",
}
PAGES = {
    "report": (SHOTS["shop"], "#graph .picture"),
    "verify": (
        "verify examples/shop/shop.yaml --scenario verify --set 'faults=[{slow: payment, by: 10x, at: 25s, for: 10s}]'",
        "#latency .legend-list",
    ),
}
"""A command that writes a page, and the last thing of it that the picture shows."""
# A calm light theme that stays readable when projected: black red green yellow blue magenta cyan white.
DARK = "3c3c3c be1e28 1e7832 965f00 1e55a5 873287 00737d 6e6e6e"
BRIGHT = "5a5a5a d73237 289141 af7300 2d69c8 a046a0 008c96 3c3c3c"


def colours(text: str) -> list[tuple[int, int, int]]:
    """Colours as hexadecimal words."""
    return [(int(word[:2], 16), int(word[2:4], 16), int(word[4:], 16)) for word in text.split()]


THEME = TerminalTheme((253, 253, 252), (40, 44, 52), colours(DARK), colours(BRIGHT))


def shown(command: str) -> str:
    """What the command prints on a terminal, colours included. Raises RuntimeError when it fails."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    done = subprocess.run(
        [sys.executable, "-m", "msforge", *command.split(), "--quiet"], cwd=ROOT, env=environment, check=False,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    if done.returncode not in (0, 99):
        raise RuntimeError(f"msforge {command} ended with {done.returncode}:\n{done.stderr}")
    lines = done.stdout.splitlines()
    end = next((number for number, line in enumerate(lines) if TABLES in line), len(lines))
    return "\n".join([*lines[:end], f"\x1b[2m{REST}\x1b[0m"])


def draw(command: str, text: str) -> str:
    """The terminal's window as SVG. Fonts are the reader's own: nothing is loaded from anywhere."""
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(f"$ \x1b[1mmsforge {command}\x1b[0m\n\n{text.rstrip()}"))
    svg = console.export_svg(title="msforge", theme=THEME, unique_id="msforge")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg)
    svg = svg.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def photograph(name: str) -> bool:
    """One of PAGES; False where there is no browser to look at it."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return False
    if browser is None:
        return False
    words, last = PAGES[name]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        file = Path(folder) / "page.html"
        command = [sys.executable, "-m", "msforge", *shlex.split(words), "--quiet", "--html", str(file)]
        subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        started = play.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = started.new_page(viewport={"width": 900, "height": 900}, color_scheme="light")
        page.goto(file.as_uri())
        page.locator("#repeat").wait_for()
        bottom = page.evaluate("(last) => document.querySelector(last).getBoundingClientRect().bottom", last)
        page.screenshot(
            path=IMAGES / f"{name}.png", full_page=True, clip={"x": 0, "y": 0, "width": 900, "height": bottom + 8}
        )
        started.close()
    return True


def main() -> None:
    """Draw all of them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, command in SHOTS.items():
        (IMAGES / f"{name}.svg").write_text(draw(command, shown(command)), encoding="utf-8", newline="\n")
        print(f"docs/images/{name}.svg")
    (IMAGES / "graph.svg").write_text(
        msforge.graph(ROOT / "examples" / "shop" / "shop.yaml"), encoding="utf-8", newline="\n"
    )
    print("docs/images/graph.svg")
    for name in PAGES:
        seen = photograph(name)
        print(f"docs/images/{name}.png" + ("" if seen else " is left as it is: no Chromium or no playwright"))


if __name__ == "__main__":
    main()
