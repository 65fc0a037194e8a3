"""What a bundle has beside wheels: examples, labs, documentation, the scripts that install it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from string import Template

from msforge.catalog import examples_root, labs_root
from msforge.workshop.own_wheel import checkout

FILES = Path(__file__).parent / "files"
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", ".msforge", "decisions")


def copy_contents(folder: Path) -> tuple[dict[str, int], list[str]]:
    """Copies examples, labs and, from a checkout, docs: the bytes of each, and what is lacking, in words."""
    sources = {"examples": examples_root(), "labs": labs_root()}
    root = checkout()
    lacking = []
    if root is not None and (root / "docs").is_dir():
        sources["docs"] = root / "docs"
    else:
        lacking.append("the documentation: it is not part of an installed msforge, only of a checkout")
    sizes = {}
    for name, source in sources.items():
        shutil.copytree(source, folder / name, ignore=NOT_COPIED, dirs_exist_ok=True)
        sizes[name] = sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file())
    return sizes, lacking


def write_scripts(folder: Path, pythons: Sequence[str], targets: Sequence[str], extras: Sequence[str]) -> None:
    """Writes install.sh, install.ps1 and README.md."""
    values = {
        "pythons": " ".join(pythons), "quoted_pythons": ", ".join(f'"{python}"' for python in pythons),
        "either": " or ".join(pythons), "targets": "\n".join(f"- {target}" for target in targets),
        "package": f"msforge[{','.join(extras)}]" if extras else "msforge",
    }
    for name, newline in (("install.sh", "\n"), ("install.ps1", "\r\n"), ("README.md", "\n")):
        text = _Template((FILES / name).read_text("utf-8")).substitute(values)
        (folder / name).write_text(text, encoding="utf-8", newline=newline)
    (folder / "install.sh").chmod(0o755)


class _Template(Template):
    """Placeholders are @{name}: shells have other plans for dollars."""

    delimiter = "@"
