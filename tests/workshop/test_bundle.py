"""`msforge workshop bundle`: the right wheels for each laptop, whole, and an installation from them offline."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from msforge.cli import app
from msforge.errors import ConflictError, MsforgeError, UsageError
from msforge.workshop import bundle, contents, fetch, own_wheel, pip
from msforge.workshop.targets import Target, here, targets
from msforge.workshop.wheels import missing, read_wheel

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = Target("win_amd64", "3.12", ("win_amd64",))


def wheel(folder: Path, name: str, version: str = "1", *requires: str, tag: str = "py3-none-any") -> Path:
    """A small wheel with a module of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    extras = "".join(f"Provides-Extra: {r.split('extra == ')[1].strip(chr(39))}\n" for r in requires if "extra" in r)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extras}"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires)
    inside = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{name}/__main__.py", f"print('{name}', {version!r})\n")
        archive.writestr(f"{inside}/METADATA", metadata)
        archive.writestr(f"{inside}/WHEEL", f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{inside}/RECORD", "".join(f"{n},,\n" for n in (
            f"{name}/__init__.py", f"{name}/__main__.py", f"{inside}/METADATA", f"{inside}/WHEEL", f"{inside}/RECORD")))
    return path


class SmallPip:
    """Does what `pip download` does, from a folder of wheels: markers are judged by this machine, as pip does."""

    def __init__(self, index: Path) -> None:
        self.index = index

    def __call__(self, arguments: Sequence[str], *, folder: Path, tell: Callable[[str], None]) -> None:
        words = list(arguments)
        dest = Path(words[words.index("--dest") + 1])
        links = [Path(words[n + 1]) for n, word in enumerate(words) if word == "--find-links"]
        wheels = [read_wheel(path) for place in (*links, self.index) for path in sorted(place.glob("*.whl"))]
        first = next(word for word in words if word.partition("[")[0].endswith("py3-none-any.whl"))
        own, _, extras = first.partition("[")
        todo = [Requirement(f"msforge[{extras}" if extras else "msforge"),
                *map(Requirement, words[words.index(first) + 1 :])]
        wheels.append(read_wheel(Path(own)))
        while todo:
            asked = todo.pop()
            found = next((w for w in wheels if w.name == asked.name and w.version in asked.specifier), None)
            if found is None:
                raise MsforgeError(f"no {asked} here")
            tell(asked.name)
            if not (dest / found.path.name).exists():
                shutil.copy(found.path, dest)
            todo += [r for r in found.requires if r.marker is None or any(
                r.marker.evaluate({"extra": extra}) for extra in ("", *asked.extras))]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels in place of a package index, and a small msforge that needs some of them."""
    folder = tmp_path / "index"
    wheel(folder, "depends", "1.5", "colour>=2; platform_system == 'Windows'")
    wheel(folder, "colour", "2.1")
    wheel(folder, "broker", "1")
    wheel(folder, "pip", "99")
    monkeypatch.setattr(fetch, "run_pip", SmallPip(folder))

    def own(into: Path) -> Path:
        return wheel(into, "msforge", "0.1", "depends>=1.2", "broker>=1; extra == 'rabbitmq'")

    monkeypatch.setattr(bundle, "own_wheel", own)
    return folder


@pytest.fixture
def made(index: Path, tmp_path: Path) -> bundle.Bundle:
    """A bundle for one laptop with Windows."""
    return bundle.make_bundle(tmp_path / "b", [WINDOWS])


def test_what_a_marker_asks_for_on_the_laptop_is_there_though_pip_did_not_see_it(
    made: bundle.Bundle, tmp_path: Path
) -> None:
    names = sorted(path.name for path in (tmp_path / "b/wheels").iterdir())
    assert names == [f"{n}-py3-none-any.whl" for n in ("colour-2.1", "depends-1.5", "msforge-0.1", "pip-99")]
    assert [(part.target, part.wheels, part.kept) for part in made.parts] == [("win_amd64, Python 3.12", 4, False)]
    assert made.parts[0].size == sum(path.stat().st_size for path in (tmp_path / "b/wheels").iterdir())
    _holds_everything(made, tmp_path / "b")


def test_extras_are_fetched_when_asked_for_and_unknown_ones_refused(index: Path, tmp_path: Path) -> None:
    bundle.make_bundle(tmp_path / "b", [WINDOWS], ["rabbitmq"])
    assert (tmp_path / "b/wheels/broker-1-py3-none-any.whl").is_file()
    with pytest.raises(UsageError, match="no such extra") as caught:
        bundle.make_bundle(tmp_path / "c", [WINDOWS], ["rabitmq"])
    assert "rabbitmq" in caught.value.hint


def _holds_everything(made: bundle.Bundle, folder: Path) -> None:
    """Examples, docs, scripts, and sums that hold."""
    assert (folder / "examples/shop/shop.yaml").is_file() and (folder / "docs/index.md").is_file()
    assert set(made.contents) == {"examples", "labs", "docs"} and made.lacking == ()
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    assert {line.partition("  ")[2] for line in lines} == files
    for line in lines:
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert made.size == sum((folder / name).stat().st_size for name in files)
    script = (folder / "install.ps1").read_bytes()
    assert script.count(b"\r\n") == script.count(b"\n") > 20 and script.isascii()
    assert b"$versions = @(\"3.12\")" in script
    assert "win_amd64, Python 3.12" in (folder / "README.md").read_text("utf-8")


def test_a_second_run_fetches_nothing_and_brings_msforge_up_to_date(
    made: bundle.Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made.folder
    monkeypatch.setattr(bundle, "fetch", lambda *_: pytest.fail("it fetched again"))
    newer = "0.2"
    monkeypatch.setattr(bundle, "own_wheel", lambda into: wheel(
        into, "msforge", newer, "depends>=1.2", "broker>=1; extra == 'rabbitmq'"))
    assert bundle.make_bundle(folder, [WINDOWS]).parts[0].kept
    assert [p.name for p in (folder / "wheels").glob("msforge-*")] == ["msforge-0.2-py3-none-any.whl"]


def test_a_damaged_wheel_is_fetched_again(made: bundle.Bundle, index: Path) -> None:
    folder = made.folder
    broken = folder / "wheels/depends-1.5-py3-none-any.whl"
    broken.write_bytes(broken.read_bytes()[:100])
    assert not bundle.make_bundle(folder, [WINDOWS]).parts[0].kept
    assert broken.read_bytes() == (index / broken.name).read_bytes()


def test_whatever_byte_of_a_wheel_is_wrong_it_is_damaged_or_whole(tmp_path: Path) -> None:
    path = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a-1.dist-info/METADATA", "Name: a\nVersion: 1\n" + "".join(map(chr, range(33, 120))))
    whole, damaged = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes((whole[place] ^ 0xFF,)) + whole[place + 1 :])
        try:
            read_wheel(path)
        except ValueError:
            damaged += 1
    assert damaged > len(whole) / 2


def _cut_off(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_with_what_it_has(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "b"
    staging = folder / bundle.STAGING / WINDOWS.key
    with monkeypatch.context() as gone:
        gone.setattr(fetch, "run_pip", _cut_off)
        with pytest.raises(KeyboardInterrupt):
            bundle.make_bundle(folder, [WINDOWS])
    assert not list((folder / "wheels").glob("*")), "nothing half-done among the wheels"
    shutil.copy(index / "depends-1.5-py3-none-any.whl", staging)
    (staging / "colour-2.1-py3-none-any.whl").write_bytes(b"PK cut short")
    (index / "depends-1.5-py3-none-any.whl").unlink()  # only what was kept has it now
    heard: list[str] = []
    bundle.make_bundle(folder, [WINDOWS], tell=heard.append)
    assert "  colour-2.1-py3-none-any.whl was cut short: fetched again" in heard
    assert len(list((folder / "wheels").iterdir())) == 4
    assert not (folder / bundle.STAGING).exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear", "utf-8")
    with pytest.raises(ConflictError):
        bundle.make_bundle(tmp_path / "mine", [WINDOWS])
    with pytest.raises(ConflictError):
        bundle.make_bundle(tmp_path / "mine/letter.txt", [WINDOWS])
    assert (tmp_path / "mine/letter.txt").read_text("utf-8") == "dear"
    done = CliRunner().invoke(app, ["workshop", "bundle", str(tmp_path / "mine")])
    assert done.exit_code == 4 and "choose a new folder" in done.stderr


def test_targets_are_named_as_teachers_and_as_pip_name_them() -> None:
    made = targets(["windows", "macosx_arm64", "manylinux_2_31_x86_64"], ["3.11", "3.12"])
    assert [t.key for t in made][:3] == ["win_amd64-3.11", "win_amd64-3.12", "macosx_arm64-3.11"]
    assert made[0].pip_options() == ["--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp"]
    assert [t.markers()["sys_platform"] for t in made[::2]] == ["win32", "darwin", "linux"]
    assert made[0].markers()["platform_machine"] == "AMD64" and made[2].markers()["platform_machine"] == "arm64"
    assert targets([], []) == [here()] and here().pip_options() == []
    assert targets(["linux"], ["3.13"])[0].tags[0] == "manylinux_2_28_x86_64"
    for platforms, pythons in ((["win"], []), (["windows"], ["3.10"]), (["windows"], ["three"])):
        with pytest.raises(UsageError):
            targets(platforms, pythons)


def test_requirements_are_followed_through_extras_and_markers(tmp_path: Path) -> None:
    wheels = [read_wheel(path) for path in (
        wheel(tmp_path, "a", "1", "b[fast]>=1"),
        wheel(tmp_path, "b", "1", "c>=2; extra == 'fast'", "d; extra == 'slow'"),
        wheel(tmp_path, "c", "1.9"))]
    markers = WINDOWS.markers()
    assert [str(r.name) for r in missing(wheels, [Requirement("a")], markers)] == ["c"]
    assert missing([*wheels, read_wheel(wheel(tmp_path, "c", "2"))], [Requirement("a")], markers) == []


def test_an_installed_msforge_is_packed_again_into_the_wheel_it_came_from(tmp_path: Path) -> None:
    original = wheel(tmp_path / "from", "msforge", "0.1", "depends>=1.2")
    site = tmp_path / "site"
    with zipfile.ZipFile(original) as archive:
        archive.extractall(site)
    info = site / "msforge-0.1.dist-info"
    record = info / "RECORD"
    (site / "msforge/__pycache__").mkdir()
    (site / "msforge/__pycache__/x.pyc").write_bytes(b"x")
    (info / "INSTALLER").write_text("pip\n", "utf-8")
    digest = own_wheel._digest((site / "msforge/__init__.py").read_bytes())
    record.write_text(f"msforge/__init__.py,sha256={digest},16\nmsforge/__main__.py,,\nmsforge/__pycache__/x.pyc,,\n"
                      "../../bin/msforge,,\nmsforge-0.1.dist-info/METADATA,,\nmsforge-0.1.dist-info/WHEEL,,\n"
                      "msforge-0.1.dist-info/INSTALLER,,\nmsforge-0.1.dist-info/RECORD,,\n", "utf-8")
    made = own_wheel.repacked(PathDistribution(info), tmp_path)
    assert made.name == original.name
    with zipfile.ZipFile(original) as before, zipfile.ZipFile(made) as after:
        assert sorted(after.namelist()) == sorted(before.namelist())
        assert all(after.read(name) == before.read(name) for name in after.namelist() if not name.endswith("RECORD"))
    (site / "msforge/__init__.py").write_text("changed = True\n", "utf-8")
    with pytest.raises(MsforgeError, match="was changed since"):
        own_wheel.repacked(PathDistribution(info), tmp_path)


def test_pips_own_words_come_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(MsforgeError, match=r"No matching distribution|Could not find a version") as caught:
        pip.run_pip(["download", "--dest", str(tmp_path), "no-such-thing"])
    assert "the same command goes on" in caught.value.hint


def _installed(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the bundle's script as on a laptop without a network."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV"))}
    environment = {**kept, "HOME": str(home), "USERPROFILE": str(home), "PIP_NO_INDEX": "1",
                   "MSFORGE_PYTHON": sys.executable, "no_proxy": "*"}
    powershell = ["powershell", "-ExecutionPolicy", "Bypass", "-File", str(folder / "install.ps1")]
    command = powershell if os.name == "nt" else ["sh", str(folder / "install.sh")]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, encoding="utf-8",
                          check=False, stdin=subprocess.DEVNULL, timeout=600)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of this checkout for this machine, from the package index that pip knows."""
    folder = tmp_path_factory.mktemp("real") / "a bundle"
    done = subprocess.run(
        [sys.executable, "-m", "msforge", "workshop", "bundle", str(folder)], capture_output=True, text=True,
        encoding="utf-8", check=False, timeout=600,
    )
    if done.returncode and ("No matching distribution" in done.stderr or "Could not find" in done.stderr):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    return folder


def test_a_laptop_without_a_network_installs_from_the_bundle_and_runs(real: Path, tmp_path: Path) -> None:
    done = _installed(real, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "msforge-workshop"
    starter = folder / ("msforge.cmd" if os.name == "nt" else "msforge")
    mine = folder / "examples/shop/shop.yaml"
    mine.write_text(mine.read_text("utf-8") + "# mine\n", "utf-8")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    ran = subprocess.run([str(starter), "check", str(mine)], cwd=folder, env=clean, capture_output=True, text=True,
                         encoding="utf-8", check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    again = _installed(real, tmp_path)
    assert again.returncode == 0, again.stderr
    assert mine.read_text("utf-8").endswith("# mine\n"), "a second installation keeps what is the learner's"


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX: the shell's script")
def test_without_the_right_python_the_script_says_which_it_needs(tmp_path: Path) -> None:
    contents.write_scripts(tmp_path, ["3.99"], ["linux_x86_64, Python 3.99"], [])
    done = _installed(tmp_path, tmp_path)
    assert done.returncode == 1 and "this bundle is for Python 3.99" in done.stderr
    assert not (tmp_path / "msforge-workshop").exists()


@pytest.mark.parametrize("nonsense", ["{", "[]", json.dumps({"targets": 3})])
def test_a_state_that_cannot_be_read_is_none(tmp_path: Path, nonsense: str) -> None:
    (tmp_path / bundle.STATE).write_text(nonsense, "utf-8")
    (tmp_path / "README.md").touch()
    assert bundle._open(tmp_path) == {"targets": {}}


def test_help_names_every_optional_part() -> None:
    plain = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = set(plain["project"]["optional-dependencies"]) - {"test", "ci", "dev"}
    told = " ".join(CliRunner().invoke(app, ["workshop", "bundle", "--help"]).output.replace("│", " ").split())
    named = told.partition("Optional parts: ")[2].partition(". Repeatable")[0]
    assert set(named.split(", ")) == extras
