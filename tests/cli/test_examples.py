"""The examples are found, listed and copied; nothing of the user's is ever overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import msforge
from msforge import catalog
from msforge.cli import app

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two examples in place of the real ones, and an empty folder to stand in."""
    root = tmp_path / "shelf"
    for name in ("shop", "stall"):
        (root / name / "more").mkdir(parents=True)
        (root / name / f"{name}.yaml").write_text("msforge: 1\n")
        (root / name / "more" / "x.csv").write_text("1\n")
    (root / "shop" / "README.md").write_text("# Shop\n\nFive services\nbehind a gateway. More words.\n")
    (root / "not-one").mkdir()
    monkeypatch.setattr(catalog, "examples_root", lambda: root)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return root


def test_listing_says_what_each_is(shelf: Path) -> None:
    for arguments in (["example", "list"], ["example"]):
        result = run(app, arguments)
        assert result.exit_code == 0
        assert result.stdout.splitlines() == ["shop    Five services behind a gateway", "stall"]
    plain = json.loads(run(app, ["example", "list", "--json"]).stdout)
    assert plain == [{"name": "shop", "summary": "Five services behind a gateway"}, {"name": "stall", "summary": ""}]


def test_copying_brings_everything_and_says_what_to_do_next() -> None:
    result = run(app, ["example", "copy", "shop"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "msforge simulate" in result.stderr and str(Path("shop") / "shop.yaml") in result.stderr
    assert sorted(str(p) for p in Path().rglob("*") if p.is_file()) == [
        str(Path("shop") / name) for name in ("README.md", str(Path("more") / "x.csv"), "shop.yaml")
    ]


def test_a_folder_with_anything_in_it_is_never_touched() -> None:
    Path("shop").mkdir()
    Path("shop/mine.txt").write_text("mine")
    result = run(app, ["example", "copy", "shop"])
    assert result.exit_code == 4
    assert "nothing was copied" in result.stderr and "msforge example copy shop" in result.stderr
    assert [p.name for p in Path("shop").iterdir()] == ["mine.txt"]
    Path("file").write_text("x")
    assert run(app, ["example", "copy", "shop", "file"]).exit_code == 4


def test_an_empty_folder_even_the_current_one_is_filled() -> None:
    result = run(app, ["example", "copy", "shop", "."])
    assert result.exit_code == 0
    assert Path("shop.yaml").is_file() and Path("more/x.csv").is_file()
    assert run(app, ["example", "copy", "stall", "a/b/c"]).exit_code == 0
    assert Path("a/b/c/stall.yaml").is_file()


def test_an_unknown_example_names_the_nearest() -> None:
    result = run(app, ["example", "copy", "shpo"])
    assert result.exit_code == 2
    assert "did you mean `shop`?" in result.stderr and "stall" in result.stderr


def test_a_missing_file_suggests_the_nearest_file_then_the_examples() -> None:
    Path("my-shop.yaml").write_text("msforge: 1\n")
    assert "did you mean my-shop.yaml?" in run(app, ["simulate", "myshop.yaml"]).stderr
    assert "--example stall?" in run(app, ["check", "stal.yaml"]).stderr
    result = run(app, ["check", "quite/else.yaml"])
    assert result.exit_code == 2 and "msforge example list" in result.stderr
    assert "is a folder" in run(app, ["check", "."]).stderr
    assert run(app, ["check", "a\0b"]).exit_code == 2


def test_a_wheel_without_examples_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "lib" / "msforge" / "catalog.py"))
    with pytest.raises(msforge.MsforgeError, match="no examples"):
        msforge.examples()
    inside = tmp_path / "lib" / "msforge" / "_examples" / "one"
    inside.mkdir(parents=True)
    (inside / "system.yaml").write_text("msforge: 1\n")
    assert [e.name for e in msforge.examples()] == ["one"]


def test_listing_shows_a_links_words(shelf: Path) -> None:
    (shelf / "stall" / "README.md").write_text("# Stall\n\nThe [shop](../shop/README.md) on a market. More.\n")
    assert run(app, ["example", "list"]).stdout.splitlines()[1] == "stall   The shop on a market"
