"""docs/running.md, typed for real: the shop is made, run, loaded, broken, taken down, changed, brought up to date."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_docs_run import ROOT, blocks

PAGE = ROOT / "docs" / "running.md"
MSFORGE = [sys.executable, "-m", "msforge"]


def lines() -> Iterator[list[str]]:
    """The page's commands, in order."""
    for language, text, _ in blocks(PAGE):
        if not language:
            yield from (shlex.split(line) for line in text.splitlines())


def shortened(words: list[str]) -> list[str]:
    """The same with less traffic, on any free port: CI has neither the time nor port 8000."""
    if words[0] == "up":
        return [*words, "--port-base", "0"]
    if words[0] == "load":
        words = [re.sub(r"^\d+s$", "3s", word) for word in words]
        return [*words, "--set", "traffic.shoppers.stages=[{rate: 10/s, for: 3s}]", "--set", "simulation.warmup=0"]
    return words


def msforge(words: list[str], folder: Path) -> str:
    """What it prints; it has to end well."""
    done = subprocess.run(
        [*MSFORGE, *words], cwd=folder, capture_output=True, encoding="utf-8", timeout=300,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert done.returncode == 0, f"msforge {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the reader stands; whatever is still up in the end is taken down."""
    yield tmp_path
    subprocess.run([*MSFORGE, "down"], cwd=tmp_path / "my-shop", capture_output=True, timeout=300)


def test_the_page_can_be_typed_from_top_to_bottom(folder: Path) -> None:
    said: dict[str, list[str]] = {}
    here = folder
    for words in lines():
        if words[0] == "cd":
            here = here / words[1]
            continue
        assert words[0] == "msforge"
        if words[1] == "diff":
            file = here / "shop.yaml"
            file.write_text(file.read_text("utf-8").replace("timeout: 400ms", "timeout: 500ms"), "utf-8")
        said.setdefault(words[1], []).append(msforge(shortened(words[1:]), here))
    assert "gateway.checkout" in said["load"][0]
    assert "payment" in said["fault"][1] and "10x" in said["fault"][1]
    assert "500" in said["diff"][0]
    clients = (here / "services/order/order_service/clients.py").read_text("utf-8")
    assert "timeout=500 * MS" in clients
