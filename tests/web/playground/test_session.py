"""A session of live changes is a file that repeats exactly."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from msforge.errors import InvalidFileError, UsageError
from msforge.model import compile_system
from msforge.records import SECOND
from msforge.sim import Engine
from msforge.spec import dump, load, load_text
from msforge.spec.reader import read
from msforge.spec.source import Source
from msforge.web.playground.knobs import knobs_of
from msforge.web.playground.presets import lay_over, presets_of
from msforge.web.playground.session import Session
from msforge.web.playground.setting import NAME, plain, setting_of

ROOT = Path(__file__).parents[3]
SHOP = ROOT / "examples" / "shop" / "shop.yaml"


def digest(engine: Engine) -> str:
    """Of every request at every service, every root request, and all that has happened."""
    told = [[h.time, h.kind, h.subject, h.detail, h.fault] for h in engine.happenings]
    return hashlib.sha256(json.dumps([engine.roots, engine.served, told, engine.state()]).encode()).hexdigest()


def from_yaml(file: Path, text: str, time: int) -> Engine:
    """The run of a copied session, until `time`."""
    copied, _, problems = read(Source("copied", text))
    assert not problems
    document = plain(load(file).document)
    document.setdefault("scenarios", {}).update(plain(copied)["scenarios"])
    spec = load_text(dump(document), scenario=NAME, folder=file.parent)
    engine = Engine(compile_system(spec), keep=False)
    engine.run_to(time)
    return engine


def played() -> Session:
    session = Session(setting_of(load(SHOP)))
    session.run_to(2 * SECOND)
    session.change({"services.payment.replicas": 4})
    session.run_to(3 * SECOND)
    session.begin("slow payment", {"slow": "payment", "by": "10x"})
    session.run_to(4 * SECOND)
    session.change({"traffic.shoppers.rate": "150/s"})
    session.change({"services.order.endpoints.place.steps[1].circuit_breaker": None})
    session.run_to(6 * SECOND)
    session.begin("fail payment", {"fail": "payment", "rate": 0.3})
    session.begin("slow payment", {"slow": "payment", "by": "2x"})
    session.plan({"crash": "product", "for": "1s"}, SECOND)
    session.run_to(9 * SECOND)
    session.end("fail payment")
    session.run_to(12 * SECOND)
    return session


def test_copied_yaml_repeats_the_session() -> None:
    session = played()
    again = from_yaml(SHOP, session.yaml(), session.time)
    assert len(session.engine.roots) > 10_000
    assert digest(again) == digest(session.engine)


def test_a_session_is_repeated_from_its_deeds() -> None:
    session = played()
    again = Session(session.setting, tuple(session.deeds))
    for time in range(0, 13 * SECOND, SECOND // 3):
        again.run_to(min(time, session.time))
    again.run_to(session.time)
    assert digest(again.engine) == digest(session.engine)
    assert again.yaml() == session.yaml()
    assert set(again.running) == {"slow payment"}


def test_what_was_done_matters() -> None:
    session = Session(setting_of(load(SHOP)))
    session.run_to(12 * SECOND)
    assert digest(session.engine) != digest(played().engine)


@pytest.mark.parametrize("name", ["shop", "boutique", "retry-storm", "flight-booking"])
def test_any_knobs_turned_at_any_time_repeat(name: str) -> None:
    file = ROOT / "examples" / name / f"{name}.yaml"
    dice = random.Random(name)
    session = Session(setting_of(load(file)))
    knobs = [k for k in knobs_of(session.setting.spec, session.setting.system).values() if k.kind != "rate"]
    for _ in range(12):
        session.run_to(session.time + dice.randrange(400_000_000))
        knob = dice.choice(knobs)
        value: Any = dice.choice([True, False]) if knob.kind == "switch" else (
            dice.randint(int(knob.low), int(knob.high)) if knob.kind == "count" else
            round(dice.uniform(knob.low, min(knob.high, 500)), 3))
        knob.turn(session, value)
    session.run_to(session.time + SECOND // 5)
    assert digest(from_yaml(file, session.yaml(), session.time)) == digest(session.engine)


@pytest.mark.parametrize("name", ["retry-storm", "flight-booking", "shop-monolith"])
def test_every_knob_says_what_it_was_turned_to(name: str) -> None:
    session = Session(setting_of(load(ROOT / "examples" / name / f"{name}.yaml")))
    session.run_to(SECOND)
    for knob in knobs_of(session.setting.spec, session.setting.system).values():
        low: Any = False if knob.kind == "switch" else knob.low
        high: Any = True if knob.kind == "switch" else knob.high
        first = knob.read(session)
        for value in (high, low, first):
            if value is not None or knob.optional:
                knob.turn(session, value)
                assert knob.read(session) == value, knob.id
        session.deeds.clear()  # more than a session takes
    assert not session.running


@pytest.mark.parametrize("value", [0, 13, 2.5, "3", None, True, float("nan"), float("inf"), -1, [2], 10**30])
def test_a_knob_takes_only_what_it_can_have(value: Any) -> None:
    session = Session(setting_of(load(SHOP)))
    knob = knobs_of(session.setting.spec, session.setting.system)["services.payment.replicas"]
    with pytest.raises(UsageError, match=r"services\.payment\.replicas takes"):
        knob.turn(session, value)
    assert not session.deeds


def test_a_default_cannot_be_taken_away() -> None:
    text = SHOP.read_text("utf-8").replace("defaults:\n", "defaults:\n  calls: {timeout: 2s}\n", 1)
    session = Session(setting_of(load_text(text)))
    knob = knobs_of(session.setting.spec, session.setting.system)["services.order.endpoints.place.steps[1].timeout"]
    with pytest.raises(UsageError, match="the file's defaults give it"):
        knob.turn(session, None)
    assert not session.deeds


def test_a_change_that_does_not_fit_changes_nothing() -> None:
    session = Session(setting_of(load(SHOP)))
    session.run_to(SECOND)
    with pytest.raises(InvalidFileError):
        session.change({"services.nobody.replicas": 2})
    with pytest.raises(InvalidFileError):
        session.begin("slow nobody", {"slow": "nobody", "by": "2x"})
    assert not session.deeds
    assert not session.running


def test_nothing_else_is_due_at_the_moment_of_a_change() -> None:
    text = SHOP.read_text("utf-8") + "\nfaults: [{slow: payment, by: 2x, at: 1s, for: 1ms}]\n"
    session = Session(setting_of(load_text(text)))
    session.run_to(999_500_000)
    session.change({"services.payment.replicas": 3})
    assert session.deeds[0].at == 1_002_000_000, "1.000 s and 1.001 s are the file's own fault's"


def test_traffic_goes_on_after_the_files_end() -> None:
    setting = setting_of(load(SHOP))
    stages = setting.system.sources[0].stages
    assert [(s.begin, s.end) for s in stages] == [(50, 50), (50, 200), (200, 200), (200, 200)]
    assert setting.system.run.duration == sum(s.duration for s in stages[3:])


def test_a_session_keeps_nothing_of_the_past() -> None:
    session = Session(setting_of(load(SHOP)))
    session.run_to(SECOND)
    observer = session.engine.observer
    session.run_to(3 * SECOND)
    assert observer.last_tick == -1, "gauges are not read into tables"
    assert observer.aggregates.kept_rows == 0


# -- presets -------------------------------------------------------------------------------------


def test_scenarios_that_touch_only_numbers_and_faults_come_live() -> None:
    setting = setting_of(load(SHOP))
    found = presets_of(Session(setting), setting.spec.document["scenarios"])
    assert {p["name"]: p["anew"] for p in found} == {
        "payment-slow": False, "payment-down": False, "notification-down": False, "black-friday": False,
        "scale-payment": False, "bug": False, "deploy": False, "verify": True,
    }


def test_a_scenario_with_a_new_service_begins_anew() -> None:
    text = SHOP.read_text("utf-8") + """
  more:
    services: {audit: {endpoints: {note: {steps: [work: 1ms]}}}}
  often:
    faults: [{crash: payment, every: 10s, for: 1s}]
"""
    setting = setting_of(load_text(text))
    session = Session(setting)
    found = {p["name"]: p["anew"] for p in presets_of(session, setting.spec.document["scenarios"])}
    assert found["more"]
    assert found["often"], "a fault with a clock of its own begins with the run"
    assert not lay_over(session, setting.spec.document["scenarios"]["more"])
    assert not session.deeds


@pytest.mark.parametrize("name", ["payment-down", "black-friday", "bug", "deploy"])
def test_a_preset_repeats(name: str) -> None:
    setting = setting_of(load(SHOP))
    session = Session(setting)
    session.run_to(4 * SECOND)
    assert lay_over(session, setting.spec.document["scenarios"][name])
    session.run_to(7 * SECOND)
    assert digest(from_yaml(SHOP, session.yaml(), session.time)) == digest(session.engine)


def test_a_presets_first_fault_begins_in_a_second() -> None:
    setting = setting_of(load(SHOP))
    session = Session(setting)
    session.run_to(4 * SECOND)
    lay_over(session, setting.spec.document["scenarios"]["payment-down"])
    session.run_to(5 * SECOND)
    assert session.engine.state()["services"]["payment"]["ready"] == 2
    session.run_to(6 * SECOND)
    assert session.engine.state()["services"]["payment"]["ready"] == 0


def test_a_presets_stages_begin_now() -> None:
    setting = setting_of(load(SHOP))
    session = Session(setting)
    session.run_to(30 * SECOND)
    before = session.engine.clients[0].requests
    assert lay_over(session, setting.spec.document["scenarios"]["black-friday"])
    session.run_to(31 * SECOND)
    assert 30 < session.engine.clients[0].requests - before < 100, "50/s to begin with, 600/s in 40 s"


def test_a_session_with_a_scenario_repeats() -> None:
    session = Session(setting_of(load(SHOP, scenario="scale-payment")))
    session.run_to(2 * SECOND)
    session.change({"services.payment.replicas": 2})
    session.run_to(4 * SECOND)
    assert digest(from_yaml(SHOP, session.yaml(), session.time)) == digest(session.engine)
