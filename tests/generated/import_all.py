"""Imports every module of generated services and makes their apps: `python import_all.py SERVICE_FOLDER...`.

All in one process, as `msforge up` does: a package that another system has under the same name makes room. Prints a
JSON object: of each folder that fails, why.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from pathlib import Path

from msforge.live.folder import Package, imported


def attempt(folder: Path) -> str:
    """Why a service cannot be imported, or its app not made; empty when all is well."""
    inside = next(path for path in sorted(folder.iterdir()) if (path / "app.py").is_file())
    try:
        app, settings = imported(Package(folder.name, folder, inside.name, ""))
        for module in sorted(inside.rglob("*.py")):
            if module.stem != "__main__":
                parts = module.relative_to(folder).with_suffix("").parts
                importlib.import_module(".".join(part for part in parts if part != "__init__"))
        made = app.create_app(settings.Settings())
        promised = json.loads((folder / "openapi.json").read_text("utf-8"))["paths"]
        if len(made.openapi()["paths"]) != len(promised):
            return f"it serves {sorted(made.openapi()['paths'])} and not {sorted(promised)}"
    except Exception:
        return traceback.format_exc(limit=-4)
    return ""


def main() -> None:
    """All folders in turn."""
    found = {folder: attempt(Path(folder)) for folder in sys.argv[1:]}
    print(json.dumps({folder: why for folder, why in found.items() if why}))


if __name__ == "__main__":
    main()
