"""These tests import the twin by plain name."""

import sys
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parents[2] / "cases"):
    sys.path.insert(0, str(folder))
