"""The commands of docs/verify.md, and of the README, are ones that the command line takes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import msforge
from msforge.cli.app import app
from msforge.verification import calibration
from tests.docs.test_docs_run import ROOT, VERIFYING, blocks, commands

PAGES = (ROOT / "docs" / "verify.md", ROOT / "README.md")
FOUND = [
    command.words for page in PAGES for _, text, _ in blocks(page) for command in commands(text)
    if command.words[0] in VERIFYING
]


class Reached(Exception):
    """The door was reached."""


@pytest.mark.parametrize("words", FOUND, ids=" ".join)
def test_a_command_of_the_page_reaches_the_door(
    words: tuple[str, ...], till: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached(**wishes: Any) -> None:
        if "file" in wishes:
            msforge.load(wishes["file"], scenario=wishes["scenario"], sets=wishes["sets"])
        raise Reached

    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for name in ("shop", "boutique"):
        shutil.copy(ROOT / "examples" / name / f"{name}.yaml", tmp_path)
    till.rename(tmp_path / "my-shop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(msforge, "verify", reached)
    monkeypatch.setattr(msforge, "calibrate", reached)
    samples = dict.fromkeys(calibration.NAMES, (1.0, 2.0))
    control = dict.fromkeys(calibration.CONTROLLED, (1.0, 2.0))
    calibration.write(calibration.Calibration(calibration.identity(), "2026-01-01", samples, control))
    told = CliRunner().invoke(app, list(words))
    assert "Reached" in told.stderr or (words[-1] == "--show" and told.exit_code == 0), told.output


def test_there_are_commands() -> None:
    assert len(FOUND) >= 8
