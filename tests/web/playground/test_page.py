"""The playground's page in a real browser, in front of the real server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from msforge import load
from msforge.errors import MsforgeError
from msforge.report.bundle import bundle
from msforge.web.playground.game import Game
from tests.web.browser import axe
from tests.web.playground.serving import SHOP, Command, Served, served

HOSTILE = "</script><img src=x onerror=document.title='bad'>"
TURN = """([id, place]) => {
    const slider = document.querySelector(`[data-knob="${id}"]`);
    slider.value = place;
    slider.dispatchEvent(new Event("input", {bubbles: true}));
    slider.dispatchEvent(new Event("change", {bubbles: true}));
}"""
FRAMES = """() => new Promise((done) => {
    let count = 0;
    const begin = performance.now();
    const next = () => {
        count += 1;
        if (performance.now() - begin > 2000) done(count / 2); else requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
})"""


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return bundle("play")
    except MsforgeError as error:
        pytest.skip(f"{error}: {error.hint}")


class Page:
    """A tab, and what its console said."""

    def __init__(self, tab: Any, url: str) -> None:
        self.tab = tab
        self.errors: list[str] = []
        tab.set_default_timeout(30_000)
        tab.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("request", lambda request: None if request.url.startswith((url, "data:")) else self.errors.append(
            f"asked {request.url}"))
        tab.goto(url)
        tab.wait_for_selector(".graph-place svg")

    def until(self, script: str) -> None:
        """Wait until an expression holds in the page; asked from here, since its policy lets nothing be evaluated."""
        end = time.monotonic() + 60
        while not self.tab.evaluate(script):
            assert time.monotonic() < end, f"never: {script}"
            time.sleep(0.1)

    def tile(self, name: str) -> float:
        """What a tile shows: ms, per second or percent; NaN for nothing."""
        text = self.tab.inner_text(f"[data-tile={name}]")
        match = re.match(r"([\d.,]+)(ms|s|µs)?", text)
        if match is None:
            return float("nan")
        return float(match[1].replace(",", "")) * {"s": 1000.0, "µs": 0.001}.get(match[2] or "", 1.0)

    def choose(self, node: str) -> None:
        """Select a service by its name."""
        self.tab.locator("g.node", has=self.tab.locator(f"text.name:text-is('{node}')")).dispatch_event("click")


@pytest.fixture
def server(folder: Path) -> Iterator[Served]:
    with served(SHOP, folder) as found:
        yield found


@pytest.fixture
def page(browser: Any, server: Served) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1280, "height": 760})
    made = Page(tab, f"http://127.0.0.1:{server.port}")
    yield made
    tab.close()


def test_a_slider_moves_the_p99_tile(page: Page, server: Served) -> None:
    server.act(do="speed", value=5)
    page.until("parseFloat(document.querySelector('[data-tile=p99]').textContent) > 0")
    before = page.tile("p99")
    page.choose("user")
    page.tab.evaluate(TURN, ["slow user", 500])
    page.until("parseFloat(document.querySelector('[data-tile=p50]').textContent) > 95")
    assert page.tile("p99") != before
    assert server.playground.game.session.running.keys() == {"slow user"}
    assert page.errors == []


def test_a_dead_service_turns_its_callers_red(page: Page) -> None:
    page.choose("payment")
    page.tab.click('[data-knob="crash payment"]')
    red = "(id) => document.getElementById(id).classList.contains('failing')"
    page.until("document.getElementById('s4').classList.contains('down')")
    page.until("document.getElementById('s3').classList.contains('failing')")
    page.until("document.getElementById('s0').classList.contains('failing')")
    assert "errors" in (page.tab.text_content("#s3 .detail") or ""), "in words too"
    assert not page.tab.evaluate(red, "s2"), "product is well"
    page.tab.click('[data-knob="crash payment"]')
    page.until("!document.getElementById('s4').classList.contains('down')")
    assert page.errors == []


def test_two_pages_watch_one_run(page: Page, browser: Any, server: Served) -> None:
    tab = browser.new_page()
    other = Page(tab, f"http://127.0.0.1:{server.port}")
    for each in (page, other):
        each.choose("payment")
    page.tab.evaluate(TURN, ["services.payment.replicas", 1000])
    other.until("document.querySelector('[data-knob=\"services.payment.replicas\"]').value === '1000'")
    other.tab.click("text=Pause")
    page.until("document.querySelector('button.main').textContent.includes('Go')")
    tab.close()
    assert page.errors == other.errors == []


def test_it_comes_back_with_the_session_when_the_server_does(browser: Any, folder: Path) -> None:
    command = Command(str(SHOP), "--port", "0")
    tab = browser.new_page()
    try:
        page = Page(tab, command.url)
        page.choose("payment")
        page.tab.evaluate(TURN, ["services.payment.replicas", 1000])
        page.until("location.hash.length > 100")
        page.until("Number(document.querySelector('.time time').dataset.time) > 3")
        command.kill()
        page.tab.wait_for_selector("text=The server does not answer")
        reached = float(page.tab.get_attribute(".time time", "data-time") or 0)
        command = Command(str(SHOP), "--port", command.url.rpartition(":")[2])
        page.until("!document.body.textContent.includes('The server does not answer')")
        page.until(f"Number(document.querySelector('.time time').dataset.time) > {reached - 1.5}")
        page.until("document.querySelector('[data-knob=\"services.payment.replicas\"]').value === '1000'")
    finally:
        tab.close()
        code, said = command.interrupt()
    assert code == 0
    assert "Traceback" not in said


def test_its_address_reproduces_the_session(browser: Any, folder: Path) -> None:
    with served(SHOP, folder) as first:
        page = Page(browser.new_page(), f"http://127.0.0.1:{first.port}")
        page.choose("payment")
        page.tab.evaluate(TURN, ["slow payment", 400])
        page.tab.click("text=Pause")
        page.until("document.querySelector('button.main').textContent.includes('Go')")
        time.sleep(1.5)
        link = page.tab.evaluate("location.hash")
        yaml = first.ask("GET", "/api/yaml")[1]
        page.tab.close()
    with served(SHOP, folder) as second:
        page = Page(browser.new_page(), f"http://127.0.0.1:{second.port}/{link}")
        page.until("document.querySelector('button.main').textContent.includes('Go')")
        for _ in range(100):
            if second.ask("GET", "/api/yaml")[1] == yaml:
                break
            time.sleep(0.1)
        assert second.ask("GET", "/api/yaml")[1] == yaml
        page.tab.close()


def test_yaml_is_shown_to_be_copied(page: Page) -> None:
    page.choose("payment")
    page.tab.click('[data-knob="crash payment"]')
    page.until("document.getElementById('s4').classList.contains('down')")
    page.tab.click("text=Copy as YAML")
    assert "faults: [{crash: payment, at: " in page.tab.inner_text("dialog pre")


def test_everything_is_in_reach_of_the_keyboard(page: Page) -> None:
    page.tab.keyboard.press("Space")
    page.until("document.querySelector('button.main').textContent.includes('Go')")
    page.tab.keyboard.press(".")
    page.until("Number(document.querySelector('.time time').dataset.time) >= 1")
    page.tab.focus("#s4")
    page.tab.keyboard.press("Enter")
    page.tab.wait_for_selector("h2:has-text('payment')")
    page.tab.focus('[data-knob="services.payment.replicas"]')
    page.tab.keyboard.press("ArrowRight")
    page.until("document.querySelector('.knob output').textContent === '3'")
    page.tab.evaluate("document.activeElement.blur()")
    page.tab.keyboard.press("p")
    assert page.tab.evaluate("document.documentElement.hasAttribute('data-presenting')")
    assert page.errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_stands_in_anyones_way(page: Page, theme: str) -> None:
    page.tab.emulate_media(color_scheme=theme)
    page.choose("payment")
    page.tab.click('[data-knob="crash payment"]')
    page.until("document.getElementById('s3').classList.contains('failing')")
    assert axe(page.tab) == []


def test_names_are_only_text(browser: Any, folder: Path) -> None:
    class Hostile(Game):
        def hello(self) -> dict[str, Any]:
            said = super().hello()
            said["name"] = HOSTILE
            said["presets"] = [{"name": HOSTILE, "anew": False}]
            said["log"] = [{"time": 0, "kind": "crash", "subject": HOSTILE, "detail": HOSTILE}]
            for knob in said["knobs"]:
                knob["group"] = knob["label"] = HOSTILE
            return said

    with served(SHOP, folder, Hostile(lambda scenario: load(SHOP, scenario=scenario))) as found:
        page = Page(browser.new_page(), f"http://127.0.0.1:{found.port}")
        page.until("document.querySelector('h1').textContent.includes('onerror')")
        time.sleep(0.5)
        assert page.tab.title() != "bad"
        assert page.tab.locator("img").count() == 0
        assert page.errors == []
        page.tab.close()


def test_twenty_frames_a_second(page: Page, server: Served) -> None:
    server.act(do="turn", knob="traffic.shoppers.rate", value=200)
    best = max(page.tab.evaluate(FRAMES) for _ in range(3))
    page.tab.goto("about:blank")
    assert best >= min(20, 0.5 * page.tab.evaluate(FRAMES)), "twenty, or half of what an empty page has on this machine"


@pytest.mark.parametrize("width", [380, 800])
def test_a_narrow_screen_has_everything(page: Page, width: int) -> None:
    page.tab.set_viewport_size({"width": width, "height": 700})
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
    for place in (".tiles", ".graph-place svg", ".side", ".series", ".log"):
        assert page.tab.locator(place).first.is_visible()


def test_the_first_page_is_small(folder: Path) -> None:
    parts = [file for file in folder.rglob("*") if file.suffix in (".html", ".js", ".css")]
    assert sum(file.stat().st_size for file in parts) < 150_000
