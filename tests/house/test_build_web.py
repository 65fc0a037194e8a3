"""The browser side is built when it has to be, and never stands in the way of an installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import build_web

NODE = (Path("/somewhere/node"), ["/somewhere/npm"])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with sources and no bundle, on a machine without Node.js for which there is a package of it."""
    web = build_web.web_of(tmp_path)
    (web / "report").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "report/main.tsx"):
        (web / name).write_text("{}", "utf-8")
    monkeypatch.delenv("MSFORGE_WEB", raising=False)
    monkeypatch.setattr(build_web, "on_the_path", lambda: None)
    monkeypatch.setattr(build_web, "from_the_package", lambda: None)
    monkeypatch.setattr("sysconfig.get_platform", lambda: "win-amd64")
    return tmp_path


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that a build runs; none is run in earnest."""
    ran: list[list[str]] = []

    def run(command: list[str], web: Path, node: Path, end: float) -> None:
        ran.append(command)
        (web / "node_modules").mkdir(exist_ok=True)
        (web / "dist").mkdir(exist_ok=True)

    monkeypatch.setattr(build_web, "run", run)
    return ran


def left(root: Path) -> str:
    """The reason that `--html` will find."""
    return (build_web.web_of(root) / "dist" / "not-built.txt").read_text("utf-8").strip()


def test_node_is_asked_for_only_when_there_is_something_to_build(
    root: Path, steps: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert build_web.requirements(root) == [build_web.NODE_PACKAGE]
    monkeypatch.setenv("MSFORGE_WEB", "0")
    assert build_web.requirements(root) == []
    monkeypatch.delenv("MSFORGE_WEB")
    monkeypatch.setattr("sysconfig.get_platform", lambda: "freebsd-14-amd64")
    assert build_web.requirements(root) == [], "no wheel there: asking would fail the installation"
    monkeypatch.setattr("sysconfig.get_platform", lambda: "linux-x86_64")
    assert build_web.requirements(root) == [build_web.NODE_PACKAGE]
    monkeypatch.setattr(build_web, "on_the_path", lambda: NODE)
    assert build_web.requirements(root) == []
    assert build_web.bring_up_to_date(root) == ""
    monkeypatch.setattr(build_web, "on_the_path", lambda: None)
    assert build_web.requirements(root) == [], "it is built"


def test_dev_that_gets_no_packages_says_so_though_the_bundle_is_there(
    root: Path, steps: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI would otherwise skip the browser side's tests without a word."""
    monkeypatch.setattr(build_web, "on_the_path", lambda: NODE)
    assert build_web.bring_up_to_date(root) == ""

    def offline(*step: object) -> None:
        raise build_web.NotBuilt("no network")

    monkeypatch.setattr(build_web, "run", offline)
    assert build_web.bring_up_to_date(root, dev=True) == "no network"
    assert build_web.bring_up_to_date(root) == "", "the bundle is still there"


def test_it_builds_once_and_again_when_a_source_changed(
    root: Path, steps: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_web, "on_the_path", lambda: NODE)
    assert build_web.bring_up_to_date(root) == ""
    assert [step[-1] for step in steps] == ["--omit=dev", "report", "play"]
    build_web.bring_up_to_date(root)
    assert len(steps) == 3
    web = build_web.web_of(root)
    (web / "tests").mkdir()
    (web / "tests" / "one.test.ts").write_text("x", "utf-8")
    (web / "server.py").write_text("x", "utf-8")
    build_web.bring_up_to_date(root)
    assert len(steps) == 3, "neither tests nor Python are in the bundle"
    (web / "report" / "main.tsx").write_text("changed", "utf-8")
    build_web.bring_up_to_date(root)
    assert [step[-1] for step in steps[3:]] == ["report", "play"], "the packages are those of the same lock file"


def test_without_node_the_reason_is_left_and_goes_once_it_is_built(
    root: Path, steps: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no Node.js" in build_web.bring_up_to_date(root)
    assert "no Node.js" in left(root)
    monkeypatch.setenv("MSFORGE_WEB", "0")
    assert build_web.bring_up_to_date(root) == "MSFORGE_WEB=0 was set" == left(root)
    monkeypatch.delenv("MSFORGE_WEB")
    monkeypatch.setattr(build_web, "from_the_package", lambda: NODE)
    assert build_web.bring_up_to_date(root) == ""
    assert not (build_web.web_of(root) / "dist" / "not-built.txt").exists()
    monkeypatch.setenv("MSFORGE_WEB", "0")
    assert build_web.bring_up_to_date(root) == "", "what is there already stays"


def test_a_step_that_fails_says_why(tmp_path: Path) -> None:
    import sys
    import time

    says = "import sys; print('npm error code ENOTFOUND'); sys.exit(1)"
    with pytest.raises(build_web.NotBuilt, match="vite build failed: code ENOTFOUND"):
        build_web.run([sys.executable, "-c", says], tmp_path, Path(sys.executable), time.monotonic() + 60)
    with pytest.raises(build_web.NotBuilt, match="longer than"):
        sleeps = [sys.executable, "-c", "import time; time.sleep(30)"]
        build_web.run(sleeps, tmp_path, Path(sys.executable), time.monotonic())


def test_sources_that_come_with_their_bundle_need_nothing(tmp_path: Path) -> None:
    build_web.web_of(tmp_path).mkdir(parents=True)
    assert build_web.requirements(tmp_path) == [] and build_web.bring_up_to_date(tmp_path) == ""
