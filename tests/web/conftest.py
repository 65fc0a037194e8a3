"""A real browser, where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.browser import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium as it is installed here; nothing is downloaded.

    Not longer than a module: as long as playwright is there, this thread has an event loop that runs, and neither
    `asyncio.run` nor a second playwright can be.
    """
    with chromium() as launched:
        yield launched
