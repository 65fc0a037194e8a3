"""A small stand-in for this repository, which installs without a network: the scripts are the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "msforge"
version = "1"

[tool.other]
level = 1
"""

# The least that PEP 517 and PEP 660 ask of a build backend; it notes each build.
BACKEND = '''\
import pathlib, zipfile
ROOT = pathlib.Path(__file__).resolve().parent

def build_editable(folder, config_settings=None, metadata_directory=None):
    with (ROOT / "builds.txt").open("a") as log:
        log.write("built\\n")
    name = "msforge-1-py3-none-any.whl"
    files = {
        "msforge.pth": str(ROOT / "src"),
        "msforge-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: msforge\\nVersion: 1\\nProvides-Extra: test\\n",
        "msforge-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = "".join(f"{file},,\\n" for file in files) + "msforge-1.dist-info/RECORD,,\\n"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        for file, text in {**files, "msforge-1.dist-info/RECORD": record}.items():
            wheel.writestr(file, text)
    return name
'''

SAYS = """\
import json, os, sys
print(json.dumps({"name": NAME, "arguments": sys.argv[1:], "folder": os.getcwd(), "prefix": sys.prefix}))
sys.exit(7 if "fail" in sys.argv else 0)
"""


class Checkout:
    """A copy of the scripts in `folder`, in front of a package that only says how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tools").mkdir(parents=True)
        for name in ("forge", "forge.cmd", "tools/bootstrap.py", "tools/fetch_pip.py", "tools/build_web.py"):
            shutil.copy(REPOSITORY / name, folder / name)
        (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
        (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
        (folder / "src/msforge").mkdir(parents=True)
        (folder / "src/msforge/__init__.py").touch()
        (folder / "src/msforge/__main__.py").write_text(f"NAME = 'msforge'\n{SAYS}", encoding="utf-8")
        (folder / "src/pytest.py").write_text(f"NAME = 'pytest'\n{SAYS}", encoding="utf-8")

    @property
    def venv(self) -> Path:
        """Where the scripts put the environment."""
        return self.folder / ".venv"

    @property
    def builds(self) -> int:
        """How often the package was installed."""
        log = self.folder / "builds.txt"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def command(self, *arguments: str) -> list[str]:
        """What a user types, without a shell."""
        return [str(self.folder / ("forge.cmd" if os.name == "nt" else "forge")), *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """The surroundings of a start: this Python, no package index, nothing of the tests' own set-up."""
        foreign = ("PIP_", "MSFORGE_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {**kept, "MSFORGE_PYTHON": sys.executable, "PIP_NO_INDEX": "1", **more}

    def start(self, *arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Start it and wait."""
        return subprocess.run(
            self.command(*arguments), cwd=cwd or self.folder, env=self.environment(**more), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
