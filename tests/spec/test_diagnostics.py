"""Every diagnostic code, the whole rendered message compared. `cases/*.yaml` is read, `cases/*.txt` is what it says.

A case may begin with lines `# set: path=value`. To accept a new message: MSFORGE_ACCEPT=1 pytest tests/spec.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from msforge.errors import InvalidFileError
from msforge.spec import load_text
from msforge.spec.codes import CODES
from msforge.spec.render import render_all

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in CASES.glob("*.yaml"))
# Codes of files that cannot be read at all (test_files.py), and the one for what no case reaches.
ELSEWHERE = {"E001", "E003", "E004", "E005", "E199"}


def rendered(text: str, file: str, folder: Path | None = None) -> str:
    """What an invalid description says."""
    sets = re.findall(r"^# set: (.*)$", text, re.MULTILINE)
    with pytest.raises(InvalidFileError) as caught:
        load_text(text, file=file, sets=sets, folder=folder)
    return render_all(caught.value.diagnostics) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_whole_message(name: str) -> None:
    text = (CASES / f"{name}.yaml").read_text(encoding="utf-8")
    said = rendered(text, f"{name}.yaml", CASES)
    expected = CASES / f"{name}.txt"
    if os.environ.get("MSFORGE_ACCEPT"):
        expected.write_text(said, encoding="utf-8", newline="\n")
    assert said == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("E")])
def test_case_shows_its_code(name: str) -> None:
    assert f"error[{name[:4]}]" in (CASES / f"{name}.txt").read_text(encoding="utf-8")


def test_every_code_has_a_case() -> None:
    assert {name[:4] for name in NAMES if name.startswith("E")} == set(CODES) - ELSEWHERE


def test_every_code_in_the_source_is_documented() -> None:
    source = Path(__file__).parents[2] / "src" / "msforge"
    paths = [path for path in (source / "spec").glob("*.py") if path.name != "codes.py"]
    texts = [path.read_text(encoding="utf-8") for path in [*paths, source / "units.py"]]
    used = {code for text in texts for code in re.findall(r'"(E[0-9]{3})"', text)}
    assert used == set(CODES)
