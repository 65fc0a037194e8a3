"""Take docs/images/play.png: the playground in a real Chromium, while payment is down.

    python tools/play_screenshot.py

It needs Chromium and playwright (`pip install 'msforge[ci]'`). Nothing is touched up: the command serves the shop, two
knobs are turned, and the page is as it is after twelve seconds of the run. Time runs at a quarter of the speed, so that
slow machines keep up.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGE = ROOT / "docs" / "images" / "play.png"
SIZE = {"width": 1120, "height": 680}
ACT = """(action) => fetch("/api/do", {
    method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(action),
})"""


def main() -> int:
    """Take it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("needs chromium")
        return 2
    api: Any = importlib.import_module("playwright.sync_api")
    command = [sys.executable, "-m", "msforge", "play", "--example", "shop", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, api.sync_playwright() as playwright:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE)
        page.goto(url)
        page.wait_for_selector(".graph-place svg")
        page.evaluate(ACT, {"do": "turn", "knob": "traffic.shoppers.rate", "value": 150})
        page.evaluate(ACT, {"do": "speed", "value": 0.25})
        page.click("#s4")
        reached(page, 8)
        page.evaluate(ACT, {"do": "turn", "knob": "crash payment", "value": True})
        reached(page, 12)
        page.screenshot(path=str(IMAGE))
        browser.close()
        server.terminate()
    print(f"wrote {IMAGE.relative_to(ROOT)}, {IMAGE.stat().st_size // 1024} kB")
    return 0


def reached(page: Any, seconds: float) -> None:
    """Wait for a moment of the run."""
    while float(page.get_attribute(".time time", "data-time")) < seconds:
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
