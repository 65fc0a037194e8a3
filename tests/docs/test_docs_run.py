"""Documentation that runs: every command of the README and of docs/ is executed, every YAML block read."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import msforge
from msforge import catalog
from msforge.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
ELSEWHERE = {"warnings.md"}  # whose tests are stricter
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w-]+\.yaml)`:?\s*$")
SHORT = "simulation: {warmup: 0.5s, duration: 2s, drain: 2s, seed: 1, replications: 1}"
WINDOW = "1s..2s"  # what a page's --window becomes in so short a run
FINE = {0, 99}  # a run that short may miss its objectives
RUN_ELSEWHERE = {("simulate", "thousand.yaml")}  # by tests/examples, and it takes long
FETCHING = {"workshop"}  # by tests/workshop: it wants a package index
PLAYING = {"play"}  # by tests/web
BROWSER_SIDE = ROOT / "src" / "msforge" / "web" / "dist" / "report" / "index.html"
RUNNING = {"new", "diff", "sync", "up", "ps", "logs", "down", "load", "fault"}  # by test_running_page
LABS = {"lab"}  # by tests/lessons
VERIFYING = {"verify", "calibrate"}  # by tests/verification/test_page
SKIPPED = {"test", *RUNNING, *LABS, *FETCHING, *PLAYING, *VERIFYING}


@dataclass(frozen=True)
class Command:
    """One line of a page's fenced block."""

    words: tuple[str, ...]
    expected: frozenset[int]


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Each fenced block of a page: its language, its text, and what stands before it."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        yield match[1], match[2], text[: match.start()].rstrip()


def commands(text: str) -> Iterator[Command]:
    """The msforge commands of a block. `# exit 3` names the exit code; what follows | or > is the shell's business."""
    for line in text.splitlines():
        match = re.match(r"\s*(?:\$ )?(?:\./forge|msforge) +(.*)", line)
        if not match:
            continue
        said, _, remark = match[1].partition(" #")
        code = re.search(r"exit (\d+)", remark)
        words = tuple(shlex.split(re.split(r" [|>] ", re.sub(r"--window \S+", f"--window {WINDOW}", said))[0]))
        yield Command(words, frozenset({int(code[1])} if code else FINE))


def prepare(folder: Path, page: Path, *, cut: bool) -> Path:
    """What a reader of the page has at hand: the examples, and the files the page tells to save. Where the reader is.

    With `cut`, systems run for a moment only.
    """
    shutil.copytree(ROOT / "examples", folder / "examples")
    for language, text, before in blocks(page):
        named = NAMED.search(before)
        if language == "yaml" and named:
            (folder / named[1]).write_text(text, encoding="utf-8")
    for file in folder.glob("examples/*/*.yaml"):
        shutil.copy(file, folder)
    for file in folder.rglob("*.yaml"):
        if cut and file.name != "claims.yaml":
            text = re.sub(r"^simulation: \{.*\}$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
            file.write_text(f"{text}\n{SHORT}\n", encoding="utf-8")
    return folder / page.parent.relative_to(ROOT) if "examples" in page.parts else folder


def run(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> int:
    """msforge's exit code for a command line."""
    monkeypatch.setattr("sys.argv", ["msforge", *words])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [command for _, text, _ in blocks(page) for command in commands(text)]
    found = [
        command for command in found
        if command.words[0] not in SKIPPED and command.words not in RUN_ELSEWHERE
    ]
    if not found:
        return
    if not BROWSER_SIDE.is_file():  # an installation without it is a whole one, but for --html
        found = [command for command in found if "--html" not in command.words]
    whole = prepare(tmp_path / "whole", page, cut=False)
    cut = prepare(tmp_path / "cut", page, cut=True)
    monkeypatch.setattr(catalog, "examples_root", lambda: tmp_path / "cut/examples")
    for name in ("before", "after", "run"):  # as if saved by an earlier command
        if any(f"{name}.json" in command.words for command in found):
            words = ("simulate", "--quiet", str(tmp_path / "cut/shop.yaml"), "--out", str(cut / f"{name}.json"))
            assert run(words, monkeypatch) in FINE
    for command in found:
        monkeypatch.chdir(whole if command.words[0] in ("check", "explain") else cut)
        if command.words[:2] == ("example", "copy"):
            shutil.rmtree(command.words[2], ignore_errors=True)
        code = run(command.words, monkeypatch)
        assert code in command.expected, f"msforge {' '.join(command.words)}: exit {code}\n{capsys.readouterr().err}"
        capsys.readouterr()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_description_of_a_page_is_read(page: Path, tmp_path: Path) -> None:
    if page.name in ELSEWHERE:
        return
    for language, text, before in blocks(page):
        if language != "yaml" or "msforge: 1" not in text:
            continue
        file = tmp_path / "system.yaml"
        file.write_text(text, encoding="utf-8")
        errors = [d for d in msforge.check(file) if d.severity is msforge.Severity.ERROR]
        assert bool(errors) == ("`wrong.yaml`" in before.rsplit("\n\n", 1)[-1]), errors


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name} links to {target}"


def anchors(file: Path) -> set[str]:
    """The headings of a page as GitHub links them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", file.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_readme_begins_with_two_commands() -> None:
    _, text, before = next(blocks(ROOT / "README.md"))
    lines = text.splitlines()
    assert [line.split()[0] for line in lines] == ["./forge", "./forge"]
    assert lines[1] == "./forge test"
    assert "![" in before, "the picture comes first"
