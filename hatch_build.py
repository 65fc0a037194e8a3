"""Builds the browser side when msforge is installed or packed; an installation never fails for want of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))
import build_web


class BrowserSide(BuildHookInterface):  # type: ignore[type-arg]
    """See tools/build_web.py."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build environment has to have, asked before anything is built."""
        return build_web.requirements(Path(self.root))

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, for a wheel, an editable installation and a source archive alike."""
        reason = build_web.bring_up_to_date(Path(self.root))
        if reason:
            self.app.display_warning(f"msforge's browser side was not built: {reason}")
