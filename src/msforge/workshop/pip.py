"""pip, as a program: this Python's own, with the user's settings of where packages come from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from msforge.errors import MsforgeError, UsageError

TAIL = 12
QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off"}


def run_pip(
    arguments: Sequence[str], *, folder: Path | None = None, tell: Callable[[str], None] = lambda line: None
) -> None:
    """Runs pip to its end; `tell` hears the name of each package that it looks at. Raises MsforgeError with its words.

    An interrupted pip leaves whole files only; a second run goes on with those.
    """
    command = [sys.executable, "-m", "pip", *arguments]
    heard: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, **QUIET}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            heard.append(line)
            if line.startswith("Collecting "):
                tell(re.split(r"[^\w.-]", line.split()[1])[0])
    if process.returncode:
        raise _failure(arguments[0], heard)


def _failure(what: str, heard: list[str]) -> MsforgeError:
    said = "".join(heard[-TAIL:]).strip()
    if "No module named pip" in said:
        return UsageError("this Python has no pip", hint=f"{sys.executable} -m ensurepip")
    problems = [line.strip() for line in heard if line.strip().startswith("ERROR: ")]
    words = problems[0].removeprefix("ERROR: ") if problems else f"pip {what} failed"
    return MsforgeError(words, hint=f"pip said:\n{said}\nWhat was fetched is kept; the same command goes on from there")
