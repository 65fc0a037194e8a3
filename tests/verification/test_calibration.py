"""A calibration: what is read out of a run whose times are known, and for whom it holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from msforge import sim
from msforge.errors import MsforgeError
from msforge.model import compile_system
from msforge.model.overheads import NAMES, Overheads
from msforge.records import SERVED_COLUMNS
from msforge.results.agreement import prediction
from msforge.sim.engine import Engine
from msforge.spec.spec import load_text
from msforge.verification import calibration, machine, run
from msforge.verification.machine import Usage
from msforge.verification.measured import Measured

TRUE = {
    "client": (2_000_000.0,), "call": (1_600_000.0,), "short call": (1_500_000.0,), "step": (300_000.0,),
    "short step": (200_000.0,), "hand-off": (250_000.0,), "delivery": (700_000.0,), "store": (900_000.0,),
    "write": (1_100_000.0,), "publish": (800_000.0,),
}
"""ns"""
SEEN = {name: tuple(1e6 * (1.0 + n / 100) for n in range(60)) for name in calibration.CONTROLLED}
"""Of a control, ns."""


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSFORGE_HOME", str(tmp_path))


def simulated_run() -> Measured:
    """The calibration's system on a machine with the overheads TRUE, as if it had been measured."""
    system = Overheads(TRUE).on(calibration.calibration_system())
    rows: list[list[int]] = []
    engine = Engine(system)
    observer_flush = engine.observer.flush

    def keep(least: int) -> None:
        if least == 1:
            observer_flush(1)

    engine.observer.flush = keep  # type: ignore[method-assign]
    width = len(SERVED_COLUMNS)
    engine.run_to(system.run.duration + system.run.drain)
    served = np.array(engine.served, dtype=np.int64).reshape(-1, width)
    records = engine.finish()
    numbers = {
        (s, a): n for s, a, n in zip(*(records.roots[c].tolist() for c in ("source", "arrival", "number")), strict=True)
    }
    rows = [[*row, numbers[row[2], row[3]]] for row in served.tolist()]
    return Measured(records, np.array(rows, dtype=np.int64), 0)


def test_the_overheads_of_a_machine_are_found_again() -> None:
    found = calibration.samples_of(calibration.calibration_system(), simulated_run())
    assert set(found) == set(NAMES)
    for name, [true] in TRUE.items():
        assert len(found[name]) >= calibration.FEWEST, name
        slack = 600_000 if name in ("client", "call") else 2  # the step's overhead is in the hops' two sleeps, too
        assert np.median(found[name]) == pytest.approx(true, abs=slack), name


def test_the_control_finds_its_own_again_and_what_is_around_a_step_is_the_call_s() -> None:
    system, seen = calibration.calibration_system(), simulated_run()
    own, body = SERVED_COLUMNS.index("own"), SERVED_COLUMNS.index("body")
    back = [b.index for b in system.bodies if system.body_name(b.index).startswith("back.")]
    served = seen.served.copy()
    served[np.isin(served[:, body], back), own] -= 150_000  # this much of their stay is no step
    found, around = (
        {name: float(np.median(values)) for name, values in calibration.hop_samples(system, run_).items()}
        for run_ in (seen, replace(seen, served=served))
    )
    assert set(found) == set(calibration.CONTROLLED)
    for name in calibration.CONTROLLED:
        assert found[name] == pytest.approx(TRUE[name][0], abs=600_000 if name in ("client", "call") else 2), name
        assert around[name] - found[name] == (-150_000 if name.endswith("step") else 150_000), name


def taken(problems: list[str] | None = None) -> calibration.Calibration:
    samples = dict.fromkeys(NAMES, (1.0, 2.0))
    control = dict.fromkeys(calibration.CONTROLLED, (1.0, 2.0))
    return calibration.Calibration(machine.identity(), "2026-01-01 00:00", samples, control, problems or [])


def test_a_calibration_is_kept() -> None:
    assert calibration.read() is None
    calibration.write(taken())
    assert calibration.read() == taken()
    assert taken().differs() == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 3}', "\x00", "[" * 100_000])
def test_a_damaged_one_is_none(text: str) -> None:
    file = calibration.write(taken())
    file.write_text(text, "utf-8")
    assert calibration.read() is None


def test_one_without_samples_adds_nothing_in_silence() -> None:
    for without in ({"samples": {**taken().samples, "step": ()}}, {"control": {**taken().control, "call": ()}}):
        calibration.write(replace(taken(), **without))  # type: ignore[arg-type]
        assert calibration.read() is None


@pytest.mark.parametrize("what", ["machine", "python", "msforge", "aiohttp"])
def test_one_of_another_machine_or_version_is_measured_anew(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(taken(), machine={**machine.identity(), what: "another"})
    calibration.write(other)
    said: list[str] = []
    monkeypatch.setattr(run, "calibrate", lambda wishes: taken())
    assert run._calibration(run.Wishes(tell=said.append)) == taken()
    assert f"{what} was another, is {machine.identity()[what]}" in said[0]


@pytest.mark.parametrize("before", [None, taken(["the CPU was 90% in use"])])
def test_none_or_a_disturbed_one_is_measured_anew(
    before: calibration.Calibration | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is not None:
        calibration.write(before)
    monkeypatch.setattr(run, "calibrate", lambda wishes: taken())
    assert run._calibration(run.Wishes()) == taken()


def test_this_machines_own_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    calibration.write(taken())
    monkeypatch.setattr(run, "calibrate", lambda wishes: pytest.fail("measured anew"))
    assert run._calibration(run.Wishes()) == taken()


def test_too_few_samples_are_no_calibration() -> None:
    found = simulated_run()
    few = Measured(found.records, found.served[:40], 0)
    with pytest.raises(MsforgeError, match="too few samples"):
        calibration.calibrate(lambda text: (few, Usage(), SEEN))


def test_without_a_control_there_is_no_calibration() -> None:
    with pytest.raises(MsforgeError, match="call of the control"):
        calibration.calibrate(lambda text: (simulated_run(), Usage(), {"step": SEEN["step"]}))


def test_a_busy_machine_is_remembered() -> None:
    found = calibration.calibrate(lambda text: (simulated_run(), Usage(cpu=0.9), SEEN))
    assert "90%" in found.problems[0] and found.control == SEEN


def test_without_overheads_a_plan_runs_as_it_did() -> None:
    system = calibration.calibration_system()
    plain, same = sim.run(system), sim.run(Overheads({}).on(system))
    assert np.array_equal(plain.roots["end"], same.roots["end"])
    assert np.array_equal(plain.latency.keys, same.latency.keys)


def test_overheads_leave_the_dice_alone() -> None:
    system = calibration.calibration_system()
    plain, padded = sim.run(system), sim.run(Overheads(TRUE).on(system))
    assert np.array_equal(plain.roots["arrival"], padded.roots["arrival"])
    assert (padded.roots["end"] - plain.roots["end"]).min() > 0
    changed = Overheads(TRUE).on(system).variant((("services.back.threads", 9),))
    assert changed.overheads.samples == TRUE


STEP = "services: {a: {endpoints: {do: {http: GET /, steps: [STEP]}}}}"
CALL = """\
network: {latency: 1ms}
services:
  a: {endpoints: {do: {http: GET /, steps: [call: b.do]}}}
  b: {endpoints: {do: {http: GET /, steps: [STEP]}}}"""


def took(overheads: Overheads, step: str, services: str = STEP) -> float:
    """Mean time (ns) of a request that takes this step, on a machine with these overheads."""
    text = f"msforge: 1\nname: one\n{services.replace('STEP', step)}\n" \
        "traffic: {t: {target: a.do, rate: 10/s}}\nsimulation: {duration: 5s, seed: 1}\n"
    roots = sim.run(overheads.on(compile_system(load_text(text, file="one.yaml")))).roots
    return float((roots["end"] - roots["arrival"]).mean())


@pytest.mark.parametrize("step", ["wait: 1.9ms", "work: 1.9ms"])
def test_who_sleeps_briefly_wakes_sooner(step: str) -> None:
    kept = Overheads({"step": (500_000.0,), "short step": (200_000.0,)})
    assert took(kept, step) == pytest.approx(2_100_000)
    assert took(kept, step.replace("1.9", "2.1")) == pytest.approx(2_600_000)
    # In slow motion it is not brief on the clock, where it takes 7.6 ms.
    assert took(kept.slowed(4.0), step) == pytest.approx(1_900_000 + 500_000 / 4)


def test_a_brief_answer_is_a_short_call() -> None:
    kept = Overheads({"call": (500_000.0,), "short call": (200_000.0,)})
    assert took(kept, "wait: 1.9ms", CALL) == pytest.approx(4_000_000 + 1_900_000 + 200_000)
    assert took(kept, "wait: 2.1ms", CALL) == pytest.approx(4_000_000 + 2_100_000 + 500_000)
    assert took(kept.slowed(4.0), "wait: 1.9ms", CALL) == pytest.approx(4_000_000 + 1_900_000 + 500_000 / 4)


def test_at_another_time_a_machine_is_slower_and_its_times_spread_wider() -> None:
    found = Overheads({"call": (1e6, 2e6, 4e6), "step": (0.0, 0.0, 3e5)}).varied(1.5, 2.0)
    assert found.samples["call"] == pytest.approx((0.75e6, 3e6, 12e6))  # a half becomes a quarter
    assert found.samples["step"] == pytest.approx((0.0, 0.0, 4.5e5))


def test_the_times_at_which_a_machine_is_thought_of_are_of_the_seed() -> None:
    overheads = Overheads({"call": (1e6, 2e6, 4e6)})
    once, again, other = ([v.samples for v in calibration.varieties(overheads, 200, seed)] for seed in (1, 1, 2))
    assert once == again != other
    medians = np.log([samples["call"][1] / 2e6 for samples in once])
    assert medians.mean() == pytest.approx(0.0, abs=0.02)
    assert medians.std() == pytest.approx(calibration.LEVEL, abs=0.02)
    spreads = np.log([np.log(samples["call"][2] / samples["call"][1]) / np.log(2.0) for samples in once])
    assert spreads.std() == pytest.approx(calibration.SPREAD, abs=0.05)


def test_only_the_further_runs_are_at_other_times() -> None:
    here, *others = run.plans(calibration.calibration_system(), Overheads(TRUE), 3, 1)
    assert here.overheads.samples == TRUE
    assert len({other.overheads.median("call") for other in others} - {here.overheads.median("call")}) == 3
    assert not any(plan.overheads.samples for plan in run.plans(here, Overheads({}), 3, 1))


def test_the_interval_of_what_is_the_machine_s_is_as_wide_as_the_machine_varies() -> None:
    kept = Overheads({**TRUE, "client": (80_000_000.0,)})
    system = calibration.calibration_system()
    [looks] = [source.index for source in system.sources if source.name == "looks"]
    still = [run.plans(system, kept, 0, 1)[0]] * 12
    varied = run.plans(system, kept, 12, 1)[1:]
    widths = []
    for plans in (still, varied):
        runs = sim.run_jobs([(plan, n) for n, plan in enumerate(plans)], processes=1)
        mine = [r.roots["source"] == looks for r in runs]
        medians = [float(np.median((r.roots["end"] - r.roots["arrival"])[m])) for r, m in zip(runs, mine, strict=True)]
        low, high = prediction(medians, logarithmic=True)
        assert low is not None and high is not None
        widths.append(high / low)
    assert widths[0] ** 2 < widths[1]
