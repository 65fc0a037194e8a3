"""`python -m msforge` is `msforge`."""

from __future__ import annotations

from msforge.cli import main

if __name__ == "__main__":
    main()
