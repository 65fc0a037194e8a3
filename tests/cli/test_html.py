"""`--html`: a page beside the terminal's report, or the reason why not before any work is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import msforge
from msforge.cli import app
from msforge.cli import html as html_module
from msforge.errors import UsageError
from msforge.report import bundle as bundle_module
from msforge.report.page import html as page_html

FIRST = """\
msforge: 1
name: first
services: {shop: {endpoints: {buy: {steps: [wait: exponential(5ms)]}}}}
traffic: {people: {target: shop.buy, rate: 50/s, for: 3s}}
objectives: {shop.buy: [p99 < 1ms]}
simulation: {warmup: 0s, duration: 3s, replications: 2}
"""
PAGE = (html_module.BEGIN.decode()
        + """<title>PAGE-TITLE</title><script type="application/json">"PAGE-DATA"</script>""")
run = CliRunner()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a description, and a stand-in for the built page."""
    monkeypatch.chdir(tmp_path)
    Path("first.yaml").write_text(FIRST, "utf-8")
    built = tmp_path / "built"
    built.mkdir()
    (built / "index.html").write_text(PAGE, "utf-8")
    monkeypatch.setattr(bundle_module, "bundle", lambda page: built)
    monkeypatch.setattr(page_html, "bundle", lambda page: built)
    return tmp_path


def said(*words: str) -> str:
    """What a command says on stderr, with its exit code in front."""
    done = run.invoke(app, list(words))
    return f"{done.exit_code} {done.stderr}"


def test_simulate_report_and_compare_write_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["simulate", "first.yaml", "--seed", "7", "--out", "run.json", "--html", "run.html"]
    monkeypatch.setattr("sys.argv", ["/somewhere/msforge", *words])
    assert said(*words).startswith("99 "), "an objective is missed, and the page is written all the same"
    page = Path("run.html").read_text("utf-8")
    assert "<title>first - msforge</title>" in page and '"seed","7"' in page
    assert '"command":"msforge simulate first.yaml --seed 7"' in page
    assert "wrote again.html" in said("report", "run.json", "--html", "again.html")
    assert "wrote both.html" in said("compare", "run.json", "run.json", "--html", "both.html")
    assert '"kind":"comparison"' in Path("both.html").read_text("utf-8")
    assert "wrote run.html" in said("report", "run.json", "--html", "run.html"), "a page of ours is written anew"


def test_the_seed_is_in_the_command_though_it_was_not_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["simulate", "first.yaml", "--html=run.html"]
    monkeypatch.setattr("sys.argv", ["msforge", *words])
    said(*words)
    seed = msforge.load("first.yaml").model.simulation.seed
    assert f'"command":"msforge simulate first.yaml --seed {seed}"' in Path("run.html").read_text("utf-8")


def test_nothing_else_is_overwritten() -> None:
    Path("site.html").write_text("<!doctype html><title>My site</title>", "utf-8")
    assert "4 error: site.html exists" in said("simulate", "first.yaml", "--html", "site.html")
    Path("notes.html").write_text("my notes", "utf-8")
    answer = said("simulate", "first.yaml", "--html", "notes.html")
    assert "4 error: notes.html exists and holds something else" in answer
    assert "2 error: --html first.yaml: that file is in use" in said("simulate", "first.yaml", "--html", "first.yaml")
    assert Path("notes.html").read_text("utf-8") == "my notes"
    assert Path("first.yaml").read_text("utf-8") == FIRST


@pytest.mark.parametrize("option", ["--out", "--traces", "--metrics"])
def test_a_page_and_another_output_are_two_files(option: str) -> None:
    answer = said("simulate", "first.yaml", option, "a.x", "--html", "./a.x")
    assert "2 error: --html a.x: that file is in use" in answer
    assert not Path("a.x").exists()


def test_the_page_is_written_though_traces_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate = msforge.simulate

    def untraced(*args: Any, **options: Any) -> Any:
        return simulate(*args, **{**options, "traces": False})

    monkeypatch.setattr(msforge, "simulate", untraced)
    answer = said("simulate", "first.yaml", "--html", "run.html", "--traces", "t.json")
    assert "2 " in answer and "holds no traces" in answer
    assert Path("run.html").exists()


def test_with_json_the_page_is_told_on_stderr_alone() -> None:
    done = run.invoke(app, ["simulate", "first.yaml", "--json", "--html", "run.html"])
    assert json.loads(done.stdout)["system"] == "first"
    assert "wrote run.html" in done.stderr


def test_without_a_built_page_it_says_why_and_what_to_do_before_the_run(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(here)
    package = here / "msforge" / "report"
    package.mkdir(parents=True)
    monkeypatch.setattr(bundle_module, "__file__", str(package / "bundle.py"))
    answer = said("simulate", "first.yaml", "--html", "run.html", "--out", "run.json")
    assert "2 error: the report needs msforge's browser side, which this installation lacks: it was left out" in answer
    (here / "msforge" / "web" / "dist").mkdir(parents=True)
    (here / "msforge" / "web" / "dist" / "not-built.txt").write_text("there is no network\n", "utf-8")
    with pytest.raises(UsageError, match="lacks: there is no network") as raised:
        bundle_module.bundle("report")
    assert "pip install --force-reinstall" in raised.value.hint
    (here / "msforge" / "web" / "package.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError) as raised:
        bundle_module.bundle("play")
    assert "python tools/build_web.py" in raised.value.hint
    assert not Path("run.json").exists() and not Path("run.html").exists()


def test_open_wants_a_page_and_starts_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "2 error: --open has nothing to open" in said("simulate", "first.yaml", "--open")
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: bool(opened.append(url)))
    answer = said("simulate", "first.yaml", "--html", "run.html", "--open")
    assert opened == [Path("run.html").resolve().as_uri()]
    assert "no browser could be started here: open run.html yourself" in answer


def test_play_says_when_no_browser_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    monkeypatch.setattr(msforge, "play", lambda *args, ready, **options: ready("http://127.0.0.1:8800"))
    answer = said("play", "first.yaml", "--open")
    assert "no browser could be started here: open http://127.0.0.1:8800 yourself" in answer


def test_what_was_typed_leaves_out_where_the_reports_went(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["simulate", "a b.yaml", "-o", "r.json", "--set", "a=1", "--open", "--html", "r", "--traces=t", "--metrics",
             "m", "--traces-count", "5"]
    monkeypatch.setattr("sys.argv", ["msforge", *words])
    kept = ["msforge", "simulate", "a b.yaml", "--set", "a=1", "--traces-count", "5"]
    assert html_module.typed() == html_module.joined(kept)
    assert html_module.joined(kept, windows=False) == "msforge simulate 'a b.yaml' --set a=1 --traces-count 5"
    assert html_module.joined(kept, windows=True) == 'msforge simulate "a b.yaml" --set a=1 --traces-count 5'
