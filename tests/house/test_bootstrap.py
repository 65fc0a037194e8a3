"""`./forge` on a machine that has nothing but Python: it sets up once, and later only runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.house.checkout import REPOSITORY, Checkout
from tools import bootstrap, fetch_pip

AWKWARD = "a check-out, (my) [own] & ünïcode"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, subprocess.CompletedProcess[str]]:
    """A checkout after its first start, and that start."""
    checkout = Checkout(tmp_path_factory.mktemp("made") / AWKWARD)
    return checkout, checkout.start("simulate", "a file.yaml", "--set", "a=b c")


@pytest.fixture(scope="module")
def environment_with_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment as a user may have made it before. Unpacking pip stands in for installing it, which takes long."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    wheel = fetch_pip.kept_by_system(folder, folder, {})
    assert wheel is not None
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(next(folder.rglob("site-packages")))
    return folder


@pytest.fixture
def checkout(environment_with_pip: Path, tmp_path: Path) -> Checkout:
    """A checkout with an environment in place, but nothing installed."""
    checkout = Checkout(tmp_path / AWKWARD)
    shutil.copytree(environment_with_pip, checkout.venv, symlinks=True)
    return checkout


def test_the_first_start_sets_up_and_runs_with_the_arguments_as_given(
    made: tuple[Checkout, subprocess.CompletedProcess[str]],
) -> None:
    checkout, done = made
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["name"] == "msforge"
    assert said["arguments"] == ["simulate", "a file.yaml", "--set", "a=b c"]
    assert Path(said["prefix"]).samefile(checkout.venv)
    assert "forge: making .venv with Python 3." in done.stderr
    assert done.stderr.splitlines()[-1] == "forge: ready"


def test_a_later_start_is_silent_and_installs_nothing(made: tuple[Checkout, Any], tmp_path: Path) -> None:
    checkout, _ = made
    before = checkout.builds
    done = checkout.start("check", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["folder"] == str(tmp_path)
    assert checkout.builds == before


def test_the_exit_code_of_what_ran_comes_through(made: tuple[Checkout, Any]) -> None:
    checkout, _ = made
    assert checkout.start("fail").returncode == 7
    assert checkout.start("test", "fail").returncode == 7


def test_the_tests_run_in_the_checkout_on_all_cores_unless_told_otherwise(
    made: tuple[Checkout, Any], tmp_path: Path
) -> None:
    checkout, _ = made
    said = json.loads(checkout.start("test", cwd=tmp_path).stdout)
    assert said["name"] == "pytest"
    assert Path(said["folder"]).samefile(checkout.folder)
    assert said["arguments"] == [f"--numprocesses={(os.cpu_count() or 1) + 1}", "--dist=worksteal"]
    assert json.loads(checkout.start("test", "-k", "x").stdout)["arguments"] == ["-k", "x"]


def test_it_installs_again_when_what_is_asked_for_changed(checkout: Checkout) -> None:
    assert checkout.start("check").returncode == 0
    assert checkout.builds == 1
    pyproject = checkout.folder / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("level = 1", "level = 2"))
    checkout.start("check")
    assert checkout.builds == 1, "a linter's settings change no installation"
    pyproject.write_text(pyproject.read_text().replace('version = "1"', 'version = "2"'))
    done = checkout.start("check")
    assert (done.returncode, checkout.builds) == (0, 2), done.stderr
    assert "making" not in done.stderr, "the environment itself stays"


def test_it_installs_again_when_the_browser_side_changed_but_not_where_nobody_wants_it(checkout: Checkout) -> None:
    page = checkout.folder / "src/msforge/web/report/main.tsx"
    page.parent.mkdir(parents=True)
    page.write_text("one")
    assert checkout.start("check").returncode == 0
    checkout.start("check")
    assert checkout.builds == 1
    page.write_text("two")
    checkout.start("check", MSFORGE_WEB="0")
    assert checkout.builds == 1
    dist = checkout.folder / "src/msforge/web/dist"
    dist.mkdir()
    (dist / "not-built.txt").write_text("there is no network\n")
    done = checkout.start("check")
    assert (done.returncode, checkout.builds) == (0, 2), done.stderr
    assert "forge: the browser side was not built: there is no network" in done.stderr
    checkout.start("check")
    assert checkout.builds == 2, "it is not tried again at every start"


def test_only_an_environment_that_works_and_stands_where_it_was_made_is_kept(checkout: Checkout) -> None:
    root, venv = checkout.folder, checkout.venv
    here = {"state": "ready", "root": str(root), "venv": str(venv)}
    assert bootstrap.usable(root, venv, {})
    assert bootstrap.usable(root, venv, here)
    assert not bootstrap.usable(root, venv, {**here, "root": "/where/it/was/cloned"})
    assert not bootstrap.usable(root, venv, {**here, "venv": "/where/it/was/made"})
    assert not bootstrap.usable(root, venv, {"state": "building"})
    shutil.rmtree(bootstrap.python_of(venv).parent)
    assert not bootstrap.usable(root, venv, here), "its Python is gone"
    shutil.rmtree(venv)
    assert not bootstrap.usable(root, venv, {})


def test_a_half_made_environment_is_made_again_though_its_own_python_is_asked_first(checkout: Checkout) -> None:
    stamp = checkout.venv / "forge.json"
    stamp.write_text('{"state": "building"}')
    (checkout.venv / "left over").touch()
    done = checkout.start("check")
    assert done.returncode == 0, done.stderr
    assert "making .venv" in done.stderr
    assert json.loads(stamp.read_text())["state"] == "ready"
    assert not (checkout.venv / "left over").exists()


def test_starts_at_the_same_time_set_up_once(checkout: Checkout) -> None:
    running = [
        subprocess.Popen(
            checkout.command("check"), cwd=checkout.folder, env=checkout.environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        )
        for _ in range(3)
    ]  # fmt: skip
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert checkout.builds == 1
    assert sum("installing msforge" in stderr for _, stderr in said) == 1


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Checkout) -> None:
    (checkout.folder / "mine").mkdir()
    (checkout.folder / "mine/letter.txt").write_text("dear")
    done = checkout.start("check", MSFORGE_VENV=str(checkout.folder / "mine"))
    assert done.returncode == 1
    assert "is in the way: it isn't a virtual environment" in done.stderr
    assert (checkout.folder / "mine/letter.txt").read_text() == "dear"


def test_the_environment_can_stand_elsewhere_but_settings_do_not_lead_an_installation_astray(
    checkout: Checkout, tmp_path: Path
) -> None:
    place = tmp_path / "else where"
    checkout.venv.rename(place)
    misleading = {"PIP_TARGET": str(tmp_path / "astray"), "PIP_USER": "1", "PYTHONPATH": str(tmp_path)}
    done = checkout.start("check", MSFORGE_VENV=str(place), **misleading)
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["prefix"]).samefile(place)
    assert not checkout.venv.exists()
    assert not (tmp_path / "astray").exists()


def test_a_failed_installation_shows_what_pip_said_and_is_tried_again(checkout: Checkout) -> None:
    backend = checkout.folder / "backend.py"
    good = backend.read_text()
    backend.write_text("raise RuntimeError('no luck')\n")
    done = checkout.start("check")
    assert done.returncode == 1
    assert "no luck" in done.stderr
    assert "pip could not install msforge" in done.stderr
    assert "Traceback" not in done.stderr.split("pip could not install")[0]
    backend.write_text(good)
    assert checkout.start("check").returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX: there the search is a shell script's")
def test_without_a_python_it_says_what_to_install(checkout: Checkout, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dirname", "cat"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(checkout.folder / "forge"), "check"], env={"PATH": str(tools)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "msforge needs Python 3.11 or newer, and none was found" in done.stderr


def test_the_scripts_keep_their_line_ends_and_may_be_run() -> None:
    assert b"\r" not in (REPOSITORY / "forge").read_bytes()
    assert b"\r" not in (REPOSITORY / ".ci/run").read_bytes()
    cmd = (REPOSITORY / "forge.cmd").read_bytes()
    assert cmd.count(b"\n") == cmd.count(b"\r\n") > 0
    if os.name != "nt":
        assert os.access(REPOSITORY / "forge", os.X_OK)
        assert os.access(REPOSITORY / ".ci/run", os.X_OK)
