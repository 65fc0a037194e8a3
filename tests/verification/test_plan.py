"""What is to be verified, and how large it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import msforge
from msforge import sim
from msforge.errors import UsageError
from msforge.model.plan import System
from msforge.records import ROOT_COLUMNS
from msforge.verification import plan

Rows = NDArray[np.int64]
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_callers_balance_themselves_where_the_file_leaves_it_open() -> None:
    subject = plan.of_file(EXAMPLES / "shop" / "shop.yaml", "verify", ())
    assert all(service.client_balancer for service in subject.system.services)


def test_what_the_file_says_of_balancers_stands(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    text = (EXAMPLES / "shop" / "shop.yaml").read_text("utf-8")
    file.write_text(text.replace("    cpu: 1  ", "    balancer: shared\n    cpu: 1  "), "utf-8")
    assert not any(service.client_balancer for service in plan.of_file(file, None, ()).system.services)


@pytest.mark.parametrize(
    ("example", "changes", "scale"),
    [
        ("shop", ("traffic.shoppers.rate=11/s",), 1.0), ("shop", (), 1.0),
        ("shop", ("traffic.shoppers.rate=44/s",), 2.0),
        ("boutique", ("traffic.shoppers.users=34",), 1.0), ("boutique", (), 1.0),
        ("boutique", ("traffic.shoppers.users=128",), 2.0),
    ],
)
def test_the_examples_for_verify_are_small_enough(example: str, changes: tuple[str, ...], scale: float) -> None:
    size = plan.size_of(plan.of_file(EXAMPLES / example / f"{example}.yaml", "verify", changes).system)
    assert size.processes < 20
    assert size.scale == scale
    assert size.rate / size.scale <= plan.RATE


def test_the_rate_is_that_of_the_highest_stage() -> None:
    ramp = plan.of_file(EXAMPLES / "shop" / "shop.yaml", None, ())
    assert plan.peak_rate(ramp.system) == pytest.approx(200 * 7, rel=0.01)


def test_a_system_that_is_too_large_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    system = plan.of_file(EXAMPLES / "shop" / "shop.yaml", None, ()).system
    size = plan.size_of(system)
    monkeypatch.setattr(plan, "memory_left", lambda: size.memory // 2)
    with pytest.raises(UsageError, match=rf"takes {size.processes} processes and about .* GB .* are free here"):
        plan.refuse_too_large(system, size)
    monkeypatch.setattr(plan, "memory_left", lambda: None)
    plan.refuse_too_large(system, size)
    many = plan.of_file(EXAMPLES / "shop" / "shop.yaml", None, ("services.payment.replicas=300",)).system
    with pytest.raises(UsageError, match="too many for one machine"):
        plan.refuse_too_large(many, plan.size_of(many))


def test_services_that_the_file_itself_kills_may_die() -> None:
    file = EXAMPLES / "shop" / "shop.yaml"
    assert plan.of_file(file, "payment-down", ()).may_crash == {"payment"}
    assert plan.of_file(file, "bug", ()).may_crash == {"notification"}
    assert plan.of_file(file, "payment-slow", ()).may_crash == frozenset()


def test_a_folder_is_verified_as_it_was_generated(till: Path) -> None:
    subject = plan.of_folder(till, None, ("traffic.people.rate=5/s",), 9)
    assert subject.folder == till
    assert "simulation.seed=9" in subject.service_sets
    with pytest.raises(UsageError, match=r"services\.back would differ"):
        plan.of_folder(till, None, ("services.back.threads=9",), None)


def test_a_file_or_a_folder_but_not_both(till: Path) -> None:
    with pytest.raises(UsageError, match="not both or none"):
        msforge.verify()
    with pytest.raises(UsageError, match="not both or none"):
        msforge.verify("x.yaml", folder=till)
    with pytest.raises(UsageError, match="an interval takes 5"):
        msforge.verify("x.yaml", replications=4)


def roots(system: System) -> Rows:
    found = sim.run(system, shortcuts=False).roots
    return np.stack([found[name] for name in ROOT_COLUMNS], axis=1)


def test_a_closed_loop_repeats_the_turns_of_a_run() -> None:
    """The same machine: the very same run. A slower network: the same turns, however late the answers."""
    file = EXAMPLES / "boutique" / "boutique.yaml"
    system = plan.of_file(file, "verify", ()).system
    rows = roots(system)
    again = roots(plan.repeated(system, rows.tolist()))
    assert np.array_equal(np.unique(again, axis=0), np.unique(rows, axis=0))
    slower = roots(plan.repeated(plan.of_file(file, "verify", ("network.latency=30ms",)).system, rows.tolist()))
    begun, then = (begins(found) for found in (rows, slower))
    assert len(begun.keys() & then.keys()) > 0.9 * len(begun)
    assert all(begun[number] == then[number] for number in begun.keys() & then.keys())


def begins(rows: Rows) -> dict[int, int]:
    """When each turn began, by its number."""
    found: dict[int, int] = {}
    for _, _, number, arrival, *_ in rows.tolist():
        found[number] = min(arrival, found.get(number, arrival))
    return found


def test_an_open_loop_sends_as_its_dice_say() -> None:
    system = plan.of_file(EXAMPLES / "shop" / "shop.yaml", "verify", ()).system
    assert plan.repeated(system, roots(system).tolist()) == system
