"""Set msforge up in this checkout, then run it. Called by `forge` and `forge.cmd` only.

The first start makes a virtual environment (`.venv`, or where MSFORGE_VENV says) and installs
msforge in it; later starts compare one hash and go straight on. Standard library only, any
Python from 3.11, with or without pip and ensurepip.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STAMP = "forge.json"
# Settings that would send an installation somewhere else than into the environment.
MISLEADING = (
    "PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_REQUIRE_VIRTUALENV",
    "__PYVENV_LAUNCHER__",
)  # fmt: skip


class SetUpError(Exception):
    """Setting up failed; the message says why and what to do."""


class StartAgain(Exception):
    """The environment has to be rebuilt, and this process runs in it."""


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Make the environment ready for `arguments` and run them in it; the exit code of what ran."""
    testing = arguments[:1] == ["test"]
    venv = Path(os.environ.get("MSFORGE_VENV") or root / ".venv").absolute()
    try:
        ready(root, venv, testing)
    except SetUpError as error:
        say(str(error))
        return 1
    except StartAgain:
        # Nobody can rebuild the floor they stand on: leave it to the Python it was made from.
        base: str = getattr(sys, "_base_executable", sys.executable)
        return hand_over([base, str(Path(__file__).resolve()), *arguments])
    except KeyboardInterrupt:
        say("interrupted; the next start carries on")
        return 130
    if not testing:
        return hand_over([str(python_of(venv)), "-m", "msforge", *arguments])
    os.chdir(root)
    chosen = list(arguments[1:]) or [f"--numprocesses={workers()}", "--dist=worksteal"]
    return hand_over([str(python_of(venv)), "-m", "pytest", *chosen])


def ready(root: Path, venv: Path, testing: bool) -> None:
    """See to it that msforge (and for `testing` its test tools) is installed in `venv`."""
    if up_to_date(root, venv, testing):
        return
    with only_one(venv):
        if up_to_date(root, venv, testing):  # another start has just done it
            return
        before = read_stamp(venv)
        testing = testing or before.get("extras") == "test"
        if not usable(root, venv, before):
            create(venv)
            write_stamp(venv, {"state": "building"})
        install(root, venv, testing)
        browser_side_missing(root)
        write_stamp(venv, {"state": "ready", "extras": "test" if testing else "", **identity(root, venv)})
    say("ready")


def workers() -> int:
    """Tests at once: one more than cores, since half of their time is spent waiting for services and servers."""
    return (os.cpu_count() or 1) + 1


def identity(root: Path, venv: Path) -> dict[str, str]:
    """What an installation depends on: where it stands, and what pyproject.toml asks for."""
    import tomllib

    text = (root / "pyproject.toml").read_bytes()
    project = tomllib.loads(text.decode("utf-8"))
    asked = {key: project.get(key) for key in ("build-system", "project", "dependency-groups")}
    return {
        "root": str(root),
        "venv": str(venv),
        "text": hashlib.sha256(text).hexdigest(),
        "asked": hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest(),
        "web": browser_side(root),
    }


def browser_side(root: Path) -> str:
    """A hash of what the browser side is built from; "" where it is not to be built. An installation builds it."""
    import build_web

    return build_web.fingerprint(build_web.web_of(root)) if build_web.wanted() else ""


def browser_side_missing(root: Path) -> None:
    """Say why `--html` will not work, if so."""
    import build_web

    left = build_web.web_of(root) / "dist" / build_web.REASON
    if left.exists() and build_web.wanted():
        say(f"the browser side was not built: {left.read_text('utf-8').strip()}")
        say("all but --html works; to try again: python tools/build_web.py")


def up_to_date(root: Path, venv: Path, testing: bool) -> bool:
    """Whether nothing is left to do. Reads one small file and hashes a few others."""
    stamp = read_stamp(venv)
    if stamp.get("state") != "ready" or (testing and stamp.get("extras") != "test"):
        return False
    if (stamp.get("root"), stamp.get("venv")) != (str(root), str(venv)) or not python_of(venv).exists():
        return False
    web = browser_side(root)
    if web and stamp.get("web") != web:
        return False
    text = hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.get("text") == text:
        return True
    # Changed, but perhaps only in a part that no installation depends on (a linter's settings).
    now = identity(root, venv)
    if stamp.get("asked") != now["asked"]:
        return False
    write_stamp(venv, {**stamp, **now})
    return True


def read_stamp(venv: Path) -> dict[str, Any]:
    """What the last start left; empty when there is nothing readable."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(venv: Path, stamp: dict[str, Any]) -> None:
    """Replace the stamp in one go, so that no reader ever sees half of it."""
    part = venv / f"{STAMP}.{os.getpid()}"
    part.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    part.replace(venv / STAMP)


def python_of(venv: Path) -> Path:
    """The environment's interpreter."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def usable(root: Path, venv: Path, stamp: dict[str, Any]) -> bool:
    """Whether the environment that is there can be kept and only needs installing into."""
    if not venv.exists() or not any(venv.iterdir()):
        return False
    if not (venv / "pyvenv.cfg").exists() and not (venv / STAMP).exists():
        raise SetUpError(f"{venv} is in the way: it isn't a virtual environment. Move it, or set MSFORGE_VENV.")
    moved = stamp.get("state") == "ready" and (stamp["root"], stamp["venv"]) != (str(root), str(venv))
    if stamp.get("state") == "building" or moved:
        return False
    check = [str(python_of(venv)), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(check, capture_output=True, env=clean_environment(), check=False).returncode == 0
    except OSError:
        return False


def create(venv: Path) -> None:
    """Make an empty environment; what stood there half-made goes away."""
    if sys.prefix != sys.base_prefix and Path(sys.prefix).resolve() == venv.resolve():
        raise StartAgain
    try:
        import venv as builder
    except ImportError as error:
        raise SetUpError(f"this Python ({sys.executable}) has no venv module: install the full python3") from error
    say(f"making {venv.name} with Python {sys.version.split()[0]}")
    try:
        builder.EnvBuilder(with_pip=False, clear=True, symlinks=os.name != "nt").create(venv)
    except OSError as error:
        reason = error.strerror or error
        raise SetUpError(f"cannot make {venv}: {reason}. Set MSFORGE_VENV to another place.") from error


def install(root: Path, venv: Path, testing: bool) -> None:
    """Install msforge from `root`, editable, with all it needs."""
    python = python_of(venv)
    if subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, env=clean_environment()).returncode:
        import fetch_pip

        say("installing pip")
        try:
            fetch_pip.into(python, clean_environment())
        except fetch_pip.NoPipError as error:
            raise SetUpError(str(error)) from error
    say("installing msforge" + (" and its test tools" if testing else "") + " (once; about a minute)")
    # Relative, from the root: a path with brackets or commas in it would be read as extras.
    target = ".[test]" if testing else "."
    run_pip([str(python), "-m", "pip", "install", "--progress-bar=off", "--editable", target], root)


def run_pip(command: list[str], folder: Path) -> None:
    """Run pip, showing what it fetches, and all it said if it fails."""
    heard: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, env=clean_environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            heard.append(line)
            if line.startswith("Collecting "):
                say("  " + re.split(r"[^\w.-]", line.split()[1])[0])
    if process.returncode:
        tail = "".join("  " + line for line in heard[-30:])
        raise SetUpError(
            f"pip could not install msforge:\n{tail}forge: "
            "it needs a package index (pypi.org, or the one your pip configuration names); then start again"
        )


def clean_environment() -> dict[str, str]:
    """The environment for pip: the user's own settings, except those that lead elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    return {**kept, "PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@contextmanager
def only_one(venv: Path) -> Iterator[None]:
    """Hold a lock beside the environment, so that two first starts don't build it at once."""
    place = venv.with_name(venv.name + ".lock")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = place.open("a+b")
    except OSError as error:
        raise SetUpError(f"cannot write beside {venv}: {error.strerror}. Set MSFORGE_VENV to another place.") from error
    with handle:
        if not lock(handle.fileno(), wait=False):
            say("another start is setting up; waiting for it")
            lock(handle.fileno(), wait=True)
        yield  # closing the file gives the lock back, as does the end of the process


if sys.platform == "win32":
    import msvcrt
    import time

    def lock(descriptor: int, *, wait: bool) -> bool:
        """Take the lock; without `wait`, say whether it could be had."""
        while True:
            os.lseek(descriptor, 0, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                if not wait:
                    return False
                time.sleep(0.2)
else:
    import fcntl

    def lock(descriptor: int, *, wait: bool) -> bool:
        """Take the lock; without `wait`, say whether it could be had."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks: better unguarded than not at all
        return True


def hand_over(command: list[str]) -> int:
    """Become `command` where the system can; else run it and return its exit code."""
    foreign = ("PYTHONHOME", "__PYVENV_LAUNCHER__")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execve(command[0], command, environment)
    with subprocess.Popen(command, env=environment) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the child was sent it too and decides what to do
                continue


def say(text: str) -> None:
    """One line of narration."""
    print(f"forge: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
