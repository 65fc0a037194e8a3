"""Folders in which verify runs systems: generated for one run, and gone with it, also when that was killed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from msforge.errors import MsforgeError, UsageError
from msforge.live import api, state
from msforge.scaffold import system as scaffold
from msforge.spec.dump import dump
from msforge.verification.home import runs_folder


@contextmanager
def generated(document: Any, name: str) -> Iterator[Path]:
    """A folder with the services of a description (plain data, or its text), while entered."""
    folder = runs_folder() / f"{os.getpid()}-{time.time_ns()}"
    try:
        folder.mkdir(parents=True)
    except OSError as e:
        raise UsageError(
            f"cannot write to {folder.parent}: {(e.strerror or str(e)).lower()}",
            hint="MSFORGE_HOME names another folder",
        ) from e
    try:
        file = folder / f"{name}.yaml"
        file.write_text(document if isinstance(document, str) else dump(document), encoding="utf-8")
        scaffold.new(file, folder / "system")
        yield folder / "system"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_left_over(tell: Callable[[str], None]) -> None:
    """Take down what a verification that was killed has left running, and remove its folder."""
    with suppress(OSError):
        for folder in sorted(runs_folder().iterdir()):
            owner = folder.name.partition("-")[0]
            if not owner.isdigit() or state.alive(int(owner)):
                continue
            left = state.read(folder / "system")
            if left is not None:
                tell(f"taking down {left.system} (pid {left.pid}), left over from an earlier verification")
                try:
                    api.down(folder / "system")
                except MsforgeError:
                    state.end(left.pid)
            shutil.rmtree(folder, ignore_errors=True)
