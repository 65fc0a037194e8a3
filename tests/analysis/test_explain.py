"""The Explanation as a whole: what it counts, what it costs, JSON, and the page at 80 columns."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from msforge.analysis import Explanation, explain
from msforge.model import compile_system
from msforge.report.console import Terminal
from msforge.report.explain import explanation
from msforge.spec import load
from tests.analysis.support import one_service, system_of

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(path for path in FOLDER.glob("*/*.yaml") if path.stem == path.parent.name)


def page(found: Explanation) -> str:
    out = io.StringIO()
    Terminal(out=out).show(*explanation(found, 80))
    return out.getvalue()


SHOP = """\
msforge: 1
name: tiny-shop
services:
  gateway: {threads: unlimited, endpoints: {checkout: {steps: [{call: user.auth}, {call: order.place}]}}}
  user: {threads: unlimited, endpoints: {auth: {steps: [read: users]}}}
  order:
    threads: unlimited
    endpoints: {place: {steps: [{parallel: [{call: user.auth}, {call: pay.charge}]}, publish: placed]}}
  pay:
    threads: unlimited
    instance: {cost: 0.10/h}
    replicas: 2
    endpoints: {charge: {steps: [wait: exponential(50ms)]}}
  mail: {consumers: {send: {from: placed, steps: [wait: 10ms]}}}
stores: {users: {cost: 0.20/h}}
channels: {placed: {dead_letter: lost}}
traffic: {people: {target: gateway.checkout, stages: [{rate: 10/s, for: 60s}, {rate: 10/s -> 40/s, for: 60s}]}}
"""


@pytest.fixture(scope="module")
def shop() -> Explanation:
    return explain(system_of(SHOP))


def test_requests_depth_operations_and_messages(shop: Explanation) -> None:
    entry = shop.entries[0]
    assert (entry.name, entry.calls, entry.operations, entry.messages, entry.depth) == ("gateway.checkout", 4, 2, 1, 3)


def test_the_base_and_the_peak(shop: Explanation) -> None:
    assert [(v.name, v.time, v.rate, v.ramping) for v in shop.levels] == [
        ("base", 0, 10.0, False), ("peak", 120 * 10**9, 40.0, True),
    ]
    consumer = next(s for s in shop.stations if s.kind == "consumer")
    assert [at.utilisation for at in consumer.levels] == [pytest.approx(0.1), pytest.approx(0.4)]
    assert shop.bottleneck is not None
    assert (shop.bottleneck.kind, shop.bottleneck.name) == ("consumer", "mail.send")
    assert shop.bottleneck.rate == pytest.approx(100)


def test_the_bill(shop: Explanation) -> None:
    assert shop.cost is not None
    assert shop.cost.month == pytest.approx(730 * (2 * 0.10 + 0.20))
    assert shop.cost.per_million == pytest.approx(shop.cost.month / (10 * 730 * 3600) * 1e6)


def test_functions_and_zone_traffic_are_billed_by_use() -> None:
    found = explain(system_of("""\
msforge: 1
name: bill
services:
  door: {zones: [a, b], replicas: 2, threads: unlimited, endpoints: {go: {steps: [{call: f.run}, {call: s.get}]}}}
  f:
    function: {memory: 512MiB, cost_per_million: 0.20, cost_per_gib_second: 0.00001667, keep_alive: 60s}
    endpoints: {run: {steps: [wait: 100ms]}}
  s: {zones: [a, b], replicas: 2, threads: unlimited, endpoints: {get: {steps: []}}}
network: {message_size: 1MiB, between_zones: {cost: 0.01/GiB}}
traffic: {t: {target: door.go, rate: 10/s}}
simulation: {duration: 60s}
"""))
    assert found.cost is not None
    month = 730 * 3600
    rows = {r.name: r.month for r in found.cost.rows}
    assert rows["f"] == pytest.approx(10 * month * (0.20 / 1e6 + 0.1 * 0.5 * 0.00001667))
    assert rows["network"] == pytest.approx(10 * month * 0.5 * 2 / 1024 * 0.01)


def test_no_prices_no_bill() -> None:
    assert explain(one_service("work: 1ms")).cost is None


def test_json_is_strict_and_whole(shop: Explanation) -> None:
    plain = json.loads(json.dumps(shop.to_dict(), allow_nan=False))
    assert set(plain) == set(Explanation.__dataclass_fields__)
    assert plain["entries"][0]["worst"] == {"time": None, "because": "gateway.checkout -> user.auth has no timeout"}


def test_plain_words_come_first(shop: Explanation) -> None:
    text = page(shop)
    words = " ".join(text.split())
    assert "One gateway.checkout = 4 requests to other services, 2 store operations, 1 message; depth 3." in words
    assert "The bottleneck is the consumer threads of mail.send: at most 100/s can last, 2.5 times the peak" in words
    assert "At worst gateway.checkout never answers: gateway.checkout -> user.auth has no timeout." in words
    assert "no failure rates in the file" in words
    assert text.index("One gateway.checkout") < text.index("\nLoad")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_example_is_explained_within_80_columns(path: Path) -> None:
    text = page(explain(compile_system(load(path))))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "nan" not in text and "inf" not in text.replace("inform", "")


def test_what_a_file_says_cannot_move_the_cursor_or_style_the_page(shop: Explanation) -> None:
    evil = "x\x1b[31m[bold]\u202e\n"
    entry = replace(shop.entries[0], name=evil)
    row = replace(shop.stations[0], name=evil)
    text = page(replace(shop, system=evil, entries=(entry, entry), stations=(row, *shop.stations)))
    assert "\x1b" not in text and "\u202e" not in text
    assert "[bold]" in text


def test_everything_unlimited_is_said() -> None:
    found = explain(one_service("wait: 1ms", head="threads: unlimited, "))
    assert found.bottleneck is not None and found.bottleneck.rate is None
    assert "Nothing limits the rate" in page(found)
