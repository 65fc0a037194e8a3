"""A small system in an empty folder, and what is often done with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import msforge

SMALL = """\
msforge: 1
name: small
services:
  desk:
    endpoints:
      serve:
        http: POST /served
        request: {sku: string}
        steps:
          - work: 2ms
          - call: back.fetch
            timeout: 100ms
          - publish: told
  back:
    endpoints:
      fetch: {http: "GET /things/{id}", steps: [wait: 1ms, read: things]}
    consumers:
      listen: {from: told, steps: [write: things]}
stores:
  things: {owner: back}
channels:
  told: {kind: queue}
traffic:
  people: {target: desk.serve, rate: 5/s}
simulation: {duration: 10s}
"""


@pytest.fixture
def description(tmp_path: Path) -> Path:
    """`small.yaml` on its own."""
    path = tmp_path / "from" / "small.yaml"
    path.parent.mkdir()
    path.write_text(SMALL, "utf-8")
    return path


@pytest.fixture
def made(tmp_path: Path, description: Path) -> Path:
    """A folder that `new` has made of it."""
    folder = tmp_path / "small"
    msforge.new(description, folder)
    return folder


@pytest.fixture
def change(made: Path) -> Callable[[str, str], None]:
    """Replaces a text in the folder's description."""

    def replace(old: str, new: str) -> None:
        path = made / "small.yaml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    return replace


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, msforge's own memory left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".msforge" not in path.relative_to(folder).parts
    }
