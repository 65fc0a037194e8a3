"""Chromium for the tests of pages: the one that is installed here, with a new profile, from which nothing leaves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tools import build_web

ROOT = Path(__file__).parents[2]
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


def executable() -> str:
    """The browser that is installed here; skips where there is none, or no playwright, or no built page."""
    pytest.importorskip("playwright", reason="needs the Python package playwright (the extra `ci`)")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs Chromium")
    if not (build_web.web_of(ROOT) / "dist" / "report" / "index.html").is_file():
        pytest.skip("needs the built browser side: python tools/build_web.py")
    return found


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of playwright's."""
    found = executable()
    from playwright.sync_api import sync_playwright

    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=[*FLAGS, *(["--no-sandbox"] if root else [])])
        yield browser
        browser.close()


class Watched:
    """A page and what it said and asked for."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))


def axe(page: Any) -> list[str]:
    """What axe finds that is serious or worse: rule, and where."""
    script = build_web.web_of(ROOT) / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        pytest.skip("needs axe-core: python tools/build_web.py --dev")
    page.evaluate(script.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found["violations"] if one["impact"] in ("serious", "critical") for node in one["nodes"]
    ]
