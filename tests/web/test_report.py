"""The report in a real browser: its numbers are the Result's, nothing leaves the page, everybody can use it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import msforge
from msforge.report.page import agreement_page, comparison_page, run_page
from msforge.report.page.sheets import short
from msforge.report.text import count, duration, money, percent, rate
from msforge.report.verdict import measured_text
from msforge.results import Result, summarise
from msforge.results.agreement import Share
from tests.results.test_agreement import lying, plan, predicted
from tests.web.browser import Watched, axe

SHOP = Path(__file__).parents[2] / "examples" / "shop" / "shop.yaml"
HOSTILE = "</script><img src=x onerror=alert(1)>"
PANELS = ["verdict", "graph", "latency", "throughput", "load", "storm", "slow", "traces", "marks", "channels", "cost",
          "repeat"]


@pytest.fixture(scope="module")
def result() -> Result:
    """The shop while payment is slow."""
    return msforge.simulate(SHOP, scenario="payment-slow", replications=1, traces=True, processes=1)


@pytest.fixture(scope="module")
def file(result: Result, browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(run_page(result, "msforge simulate shop.yaml --seed 42"), "utf-8")
    return path


@pytest.fixture(scope="module")
def watched(browser: Any, file: Path) -> Watched:
    """The page, open, with every table unfolded."""
    found = Watched(browser, viewport={"width": 1200, "height": 900})
    found.page.goto(file.as_uri())
    unfold(found.page)
    return found


def unfold(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    page.wait_for_function("[...document.querySelectorAll('details.numbers')].every((one) => one.children.length > 1)")


def table(page: Any, caption: str) -> dict[str, list[str]]:
    """A table's rows by their first cells."""
    rows = page.evaluate(
        """(caption) => {
          const table = [...document.querySelectorAll('table')].find((one) => one.caption.textContent === caption);
          return [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent));
        }""",
        caption,
    )
    return {row[0]: row[1:] for row in rows}


def test_it_says_nothing_on_the_console_and_asks_for_nothing(watched: Watched, file: Path) -> None:
    assert watched.said == []
    assert watched.asked == [file.as_uri()]


def test_every_panel_is_there_in_order(watched: Watched) -> None:
    assert watched.page.evaluate("[...document.querySelectorAll('section')].map((one) => one.id)") == PANELS


def test_the_verdict_is_the_results(watched: Watched, result: Result) -> None:
    page = watched.page
    missed = sum(not o.met for o in result.objectives)
    assert page.inner_text(".verdict").split("\n")[-1] == f"{missed} of {len(result.objectives)} objectives missed"
    cards = page.locator(".objective")
    for i, objective in enumerate(result.objectives):
        words = cards.nth(i).inner_text()
        assert objective.text in words and measured_text(objective.measured, objective.unit) in words
        assert ("✓ met" if objective.met else "✗ missed") in words
    headline = page.inner_text(".headline")
    assert headline.lower() == result.story.headline.replace("`", "").lower()
    entry = result.entries[0]
    tiles = page.locator(".entries dd").all_inner_texts()
    assert tiles == ["gateway.checkout", rate(entry.counts.rate.value), percent(entry.counts.success.value),
                     duration(entry.answered.p50.value), duration(entry.answered.p99.value)]


def test_latencies_and_outcomes_are_the_results(watched: Watched, result: Result) -> None:
    for caption, rows in (("As their senders saw them", result.entries), ("As their services saw them",
                                                                         result.endpoints)):
        shown = table(watched.page, caption)
        for traffic in rows:
            if traffic.counts.arrivals:
                cells = shown[traffic.name]
                assert cells[0] == f"{traffic.counts.arrivals:,}"
                assert cells[2] == measured_text(traffic.counts.success, "ratio")
                assert cells[7] == measured_text(traffic.answered.p99, "ns")
    over_time = table(watched.page, f"{result.entries[0].name}, over time")
    series = result.series.entries[0]
    assert [cells[2] for cells in over_time.values()] == [duration(short(v)) for v in series.p50]


def test_services_replicas_and_stores_are_the_results(watched: Watched, result: Result) -> None:
    services, stores = table(watched.page, "Services"), table(watched.page, "Stores")
    for service in result.services:
        assert services[service.name][1] == measured_text(service.utilisation, "ratio")
        assert services[service.name][3] == measured_text(service.waiting, "count")
    replicas = table(watched.page, "Replicas of the first replication")
    for replica in (r for s in result.services for r in s.replicas if r.replication == 0):
        assert replicas[replica.name][0] == percent(replica.utilisation)
    for store in result.stores:
        assert stores[store.name][1] == measured_text(store.rate, "per_second")


def test_storm_channels_cost_and_parts_are_the_results(watched: Watched, result: Result) -> None:
    page = watched.page
    storm = page.locator("#storm .tiles dd").all_inner_texts()
    assert storm[1:] == [measured_text(result.storm.amplification, "count"),
                         measured_text(result.storm.retry_share, "ratio"),
                         measured_text(result.storm.gone_share, "ratio")]
    assert table(page, "Time to recover")[result.entries[0].name][2] == result.storm.recoveries[0].text
    channels = table(page, "Channels")
    for channel in result.channels:
        assert channels[channel.name][1:3] == [f"{channel.published:,}", f"{channel.done:,}"]
        assert channels[channel.name][3] == count(channel.backlog_most)
    assert table(page, "Cost per month, at this run's load")["together"][1] == money(result.cost.per_month)
    slowest = next(part for part in result.entries[0].parts if part.band == ">p99")
    bar = page.locator("#slow .bar-row").first
    assert bar.locator(".value").inner_text() == duration(slowest.total)
    assert f"backing off {percent(slowest.backoff / slowest.total, 2)}" in bar.locator(".bar").get_attribute("title")


def test_traces_tell_waiting_from_working(watched: Watched, result: Result) -> None:
    page = watched.page
    roots = [span for span in result.traces if span.parent < 0]
    assert page.locator("#traces .choice label").count() == len(roots)
    slowest = max((r for r in roots if r.outcome == "ok"), key=lambda r: r.end - r.begin)
    assert duration(slowest.end - slowest.begin) in page.inner_text("#traces figcaption")
    spans = [s for s in result.traces if (s.replication, s.source, s.number) ==
             (slowest.replication, slowest.source, slowest.number)]
    assert page.locator("#traces .span-row:not(.ruler)").count() == len(spans)
    assert page.locator("#traces .track .waiting").count() == sum(s.kind in ("queue", "backoff") for s in spans)


def test_breakers_have_lanes(watched: Watched, result: Result) -> None:
    opened = {c.breaker for c in result.breakers if c.replication == 0}
    assert opened, "a scenario whose breakers open"
    names = watched.page.locator("#marks .lane .name").all_inner_texts()
    assert {name.removesuffix(" breaker") for name in names if name.endswith(" breaker")} == opened
    assert watched.page.locator("#marks .state.open").count() >= len(opened)


def test_the_graph_moves_with_the_cursor(watched: Watched, result: Result) -> None:
    page = watched.page
    payment = next(s for s in result.series.services if s.name == "payment")
    slider = page.get_by_label("time", exact=True)
    load = "[...document.querySelectorAll('.graph .load')].map((one) => +one.getAttribute('width'))"
    shown = {}
    for at in (20, 61):
        slider.fill(str(at))
        page.wait_for_timeout(100)  # it is drawn in the browser's next frame
        cells = table(page, "Every box of the graph at this moment")["payment"]
        assert cells[1] == percent(short(payment.utilisation[at]))
        shown[at] = page.evaluate(load)
    assert shown[20] != shown[61]
    row = page.locator("#load .heat-row", has_text="payment").first
    assert row.locator("output").inner_text() == percent(short(payment.utilisation[61]))
    row.get_by_role("button").click()
    assert page.locator("#load .heat-row.part").count() == 2, "payment has two replicas"


def test_it_can_be_walked_with_the_keyboard(browser: Any, file: Path) -> None:
    page = Watched(browser, viewport={"width": 1000, "height": 800}).page
    page.goto(file.as_uri())
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(
            "(() => { const one = document.activeElement; return one.closest('section')?.id + ' ' + "
            "(one.type || one.id || one.tagName); })()"))
    assert "undefined range" in seen and "graph s0" in seen and "load radio" in seen and "slow radio" in seen
    slider = page.get_by_label("time", exact=True)
    slider.focus()
    before = slider.input_value()
    page.keyboard.press("ArrowRight")
    assert int(slider.input_value()) == int(before) + 1
    summary = page.locator("#latency summary")
    summary.focus()
    page.keyboard.press("Enter")
    page.locator("#latency table").first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(browser: Any, file: Path, scheme: str) -> None:
    page = Watched(browser, viewport={"width": 1200, "height": 900}, color_scheme=scheme, bypass_csp=True).page
    page.goto(file.as_uri())
    unfold(page)
    assert axe(page) == []


def test_a_narrow_screen_scrolls_only_down(browser: Any, file: Path) -> None:
    page = Watched(browser, viewport={"width": 360, "height": 740}).page
    page.goto(file.as_uri())
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("#latency .plot canvas").first.bounding_box()["width"] <= 360


def test_paper_is_white_and_has_no_controls(browser: Any, file: Path) -> None:
    page = Watched(browser, viewport={"width": 800, "height": 900}, color_scheme="dark").page
    page.goto(file.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".timebar input").is_visible() and not page.locator("summary").first.is_visible()
    assert re.search(r"at 6\ds", page.inner_text(".timebar output")), "which moment the graph shows"
    assert len(page.pdf(format="A4")) > 20_000


def test_a_hostile_name_is_only_text(browser: Any, result: Result, tmp_path: Path) -> None:
    named = Result.from_json(result.to_json())
    named.system = named.scenario = HOSTILE
    named.entries[0].name = f"{HOSTILE} -> gateway.checkout"
    named.faults[0].label = named.story.headline = named.objectives[0].text = HOSTILE
    path = tmp_path / "hostile.html"
    path.write_text(run_page(named, f"msforge simulate '{HOSTILE}'"), "utf-8")
    assert HOSTILE not in path.read_text("utf-8")
    found = Watched(browser)
    found.page.on("dialog", lambda dialog: found.said.append(f"dialog: {dialog.message}"))
    found.page.goto(path.as_uri())
    unfold(found.page)
    assert found.page.inner_text("h1") == HOSTILE
    assert found.page.locator("img").count() == 0
    assert found.said == [] and found.asked == [path.as_uri()]
    assert HOSTILE in found.page.title()


def test_it_is_small_and_drawn_in_little_time(browser: Any, file: Path) -> None:
    """Of the processor's time: a clock on the wall would measure who else is at work here."""
    assert file.stat().st_size < 500_000
    page = Watched(browser).page
    probe = page.context.new_cdp_session(page)
    probe.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(file.as_uri())
    page.locator("#repeat").wait_for()
    taken = {m["name"]: m["value"] for m in probe.send("Performance.getMetrics")["metrics"]}
    assert 0 < taken["TaskDuration"] < 1.0


def test_a_comparison_lays_one_over_the_other(browser: Any, result: Result, tmp_path: Path) -> None:
    other = msforge.simulate(SHOP, scenario="payment-slow", sets=["services.payment.replicas=4"], replications=1,
                             processes=1)
    compared = msforge.compare(result, other)
    path = tmp_path / "compare.html"
    path.write_text(comparison_page(compared, result, other, "msforge compare a.json b.json"), "utf-8")
    found = Watched(browser, viewport={"width": 1200, "height": 900}, bypass_csp=True)
    found.page.goto(path.as_uri())
    unfold(found.page)
    assert found.said == [] and found.asked == [path.as_uri()]
    drawn = found.page.locator(".change").all_inner_texts()
    told = [d for d in compared.differences if d.verdict in ("better", "worse", "changed")
            and d.name.split("/")[0] not in ("objective", "source")]
    assert len(drawn) == len(told) > 3
    month = next(d for d in told if d.name.endswith("per_month"))
    assert f"+{money(month.difference.value)}" in next(text for text in drawn if "per month" in text)
    legends = found.page.locator("#latency .legend-list").first.inner_text()
    assert "before" in legends and "after" in legends
    assert axe(found.page) == []


def test_the_document_is_finite_json_whatever_is_missing() -> None:
    from msforge.report.page.run import run_document
    from msforge.testing import blank_result

    for empty in (blank_result(), blank_result(replications=3)):
        json.dumps(run_document(empty, ""), allow_nan=False)


def test_a_verification_shows_both_readings(browser: Any, tmp_path: Path) -> None:
    found = lying(("wait: exponential(120ms)", "wait: exponential(240ms)"))
    found.machine = [Share("people -> front.buy", 100e6, 4e6)]
    sides = [summarise(plan(), [one]) for one in predicted()[:2]]
    path = tmp_path / "verify.html"
    path.write_text(agreement_page(found, *sides, "msforge verify till.yaml"), "utf-8")
    watched = Watched(browser, viewport={"width": 1200, "height": 900})
    page = watched.page
    page.goto(path.as_uri())
    unfold(page)
    assert (watched.said, watched.asked) == ([], [path.as_uri()])
    assert page.inner_text(".verdict").split("\n")[-1] == "Predicted and measured disagree"
    assert "back.pay" in page.locator("#verdict li").first.inner_text()
    assert "4ms are this machine" in page.inner_text("#verdict").replace("4.00ms", "4ms")
    assert page.evaluate("[...document.querySelectorAll('section')].map((one) => one.id)") == [
        "verdict", "latency", "load", "readings", "repeat"]
    assert page.locator(".changes .word", has_text="✗ differs").count() == sum(r.differs for r in found.readings)
    page.set_viewport_size({"width": 900, "height": 900})
    assert page.locator(".change small").first.is_visible()
    cut = "[...document.querySelectorAll('.change .name')].filter((one) => one.scrollWidth > one.clientWidth).length"
    assert page.evaluate(cut) == 0, "a name pushes its metric out of sight"
    shown = table(page, "What clients saw")
    assert set(shown) == {"people -> front.buy"}
    assert "Dashed: predicted. Solid: measured." in page.inner_text("#latency")
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        assert axe(page) == []
    narrow = Watched(browser, viewport={"width": 375, "height": 800})
    narrow.page.goto(path.as_uri())
    assert narrow.page.evaluate("document.documentElement.scrollWidth") <= 375
