"""Digests of Results, kept as golden files: `python tests/semantics/golden.py --write` renews them.

Same file, version, seed and platform give the same bytes. A digest that changes means that
some number a user sees has changed: renew it only when that was meant, and say so in the
changelog. `records` is what the engine left behind, `result` what was made of it.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from msforge import sim
from msforge.model import compile_system
from msforge.results import summarise
from msforge.spec import load

FOLDER = Path(__file__).with_name("golden")
DIGESTS = FOLDER / "digests.json"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def digest(thing: Any) -> str:
    """A fingerprint of Records, or of anything made of arrays, dataclasses and plain data."""
    seen = hashlib.sha256()

    def feed(value: Any) -> None:
        if isinstance(value, np.ndarray):
            seen.update(str((value.shape, value.dtype.str)).encode())
            seen.update(np.ascontiguousarray(value).tobytes())
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            for f in dataclasses.fields(value):
                seen.update(f.name.encode())
                feed(getattr(value, f.name))
        elif isinstance(value, dict):
            for key in sorted(value, key=repr):
                feed(key)
                feed(value[key])
        elif isinstance(value, list | tuple):
            seen.update(f"[{len(value)}".encode())
            for item in value:
                feed(item)
        else:
            seen.update(repr(value).encode())

    feed(thing)
    return seen.hexdigest()


def measure(name: str) -> dict[str, str]:
    """Run one golden system and fingerprint it."""
    system = compile_system(load(FOLDER / f"{name}.yaml"))
    records = sim.run_many(system, processes=1)
    text = summarise(system, records).to_json()
    return {
        "records": digest([dataclasses.replace(r, spans=[]) for r in records]),
        "result": hashlib.sha256(text.encode()).hexdigest(),
    }


def main() -> None:
    """Print the digests, or renew the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = json.dumps({name: measure(name) for name in NAMES}, indent=2) + "\n"
    if options.write:
        DIGESTS.write_text(text, encoding="utf-8", newline="\n")
    print(text, end="")


if __name__ == "__main__":
    main()
