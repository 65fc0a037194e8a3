"""What runs in a browser: the report's and the playground's pages, and the small server behind the playground."""

from __future__ import annotations

from typing import Final

PORT: Final = 8800
"""Where the playground is when nothing else is said."""
