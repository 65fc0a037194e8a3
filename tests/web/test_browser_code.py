"""The browser side's own tests and types, and what its build leaves; with Node.js and the packages of --dev."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import build_web

ROOT = Path(__file__).parents[2]
WEB = build_web.web_of(ROOT)


def node() -> str:
    """Node.js; skips without it or without the packages that tests need."""
    found = build_web.on_the_path() or build_web.from_the_package()
    if found is None or not (WEB / "node_modules" / "vitest").is_dir():
        pytest.skip("needs Node.js and: python tools/build_web.py --dev")
    return str(found[0])


def ran(*command: str) -> str:
    """What a tool of the browser side says; it has to succeed."""
    done = subprocess.run([node(), *command], cwd=WEB, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_tests_pass() -> None:
    assert "passed" in ran("node_modules/vitest/vitest.mjs", "run", "--no-color")


def test_its_types_hold() -> None:
    ran("node_modules/typescript/bin/tsc", "--noEmit")


def test_the_lock_file_names_no_host() -> None:
    assert '"resolved"' not in (WEB / "package-lock.json").read_text("utf-8")


def test_what_is_bundled_comes_with_its_licences() -> None:
    node()
    assert build_web.up_to_date(WEB), "python tools/build_web.py"
    for page in ("report", "play"):
        assert "preact" in (WEB / "dist" / page / "THIRD_PARTY.md").read_text("utf-8")
    assert "preact" in (WEB / "dist" / "report" / "index.html").read_text("utf-8").rpartition("</html>")[2]
    first = WEB / "dist" / "play"
    assert sum(file.stat().st_size for file in first.rglob("*") if file.suffix in (".html", ".js", ".css")) < 150_000
    assert len(list((WEB / "dist" / "report").glob("*"))) == 2, "the report is one file, and the licences"
