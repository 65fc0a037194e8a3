"""Faults: whom they hit, when, and what reports call them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import msforge.model
from msforge.model.plan import CLIENTS, NEVER, NONE
from msforge.policies.distributions import Dist
from msforge.records import SECOND
from msforge.spec.codes import OF_THE_PLAN
from tests.model.plans import only_fault, plan, problems

SHOP = """
services:
  order: {replicas: 3, zones: [north], endpoints: {place: {steps: [call: payment.charge, write: db, publish: jobs]}}}
  payment: {replicas: 2, zones: [south], endpoints: {charge: {}}, consumers: {work: {from: jobs}}}
stores: {db: {}}
channels: {jobs: {}}
traffic: {users: {target: order.place, rate: 1/s, for: 60s}}
faults: [{%s}]
"""


@pytest.mark.parametrize(
    ("fault", "label"),
    [
        ("crash: payment, at: 1s", "payment down"),
        ("crash: payment, at: 1s, replicas: 1", "1 replica of payment down"),
        ("crash: payment, at: 1s, replicas: 2", "2 replicas of payment down"),
        ("crash: payment, every: exponential(9s), for: 1s, replicas: each", "each replica of payment down"),
        ("slow: payment, by: 10x, at: 1s", "payment 10x slower"),
        ("slow: db, add: 200ms, at: 1s", "db 200ms slower"),
        ("slow: payment.charge, by: 1.5x, at: 1s", "payment.charge 1.5x slower"),
        ("fail: payment, rate: 10%, at: 1s", "10% of payment's requests fail"),
        ("fail: payment, at: 1s, kind: crash", "all of payment's requests crash"),
        ("cut: order -> payment, at: 1s", "order -> payment cut"),
        ("delay: order -> payment, add: 100ms, at: 1s", "order -> payment 100ms later"),
        ("drop: order -> payment, rate: 5%, at: 1s", "order -> payment loses 5%"),
        ("pause: db, at: 1s", "db paused"),
        ("zone: south, at: 1s", "zone south down"),
        ("deploy: payment, at: 1s", "deploy of payment"),
        ("change: {services.payment.replicas: 4}, at: 1s", "services.payment.replicas = 4"),
        ("id: friday, crash: payment, at: 1s", "friday: payment down"),
    ],
)
def test_labels_are_plain_words(fault: str, label: str) -> None:
    assert only_fault(plan(SHOP % fault)).label == label


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("crash: payment", {"service": 1}),
        ("slow: payment.charge, by: 2x", {"body": 1, "service": NONE}),
        ("pause: db", {"store": 0}),
        ("zone: south", {"zone": 1}),
        ("cut: order -> payment", {"caller": 0, "callee": 1}),
        ("cut: clients -> order", {"caller": CLIENTS, "callee": 0}),
        ("cut: order -> db", {"caller": 0, "callee": NONE, "callee_store": 0}),
        ("cut: order -> jobs", {"caller": 0, "callee": NONE, "channel": 0}),
        ("cut: jobs -> payment", {"caller": NONE, "callee": 1, "channel": 0}),
    ],
)
def test_whom_a_fault_hits(fault: str, expected: dict[str, int]) -> None:
    found = only_fault(plan(SHOP % f"{fault}, at: 1s"))
    assert {key: getattr(found, key) for key in expected} == expected


def test_when_a_fault_comes() -> None:
    once = only_fault(plan(SHOP % "crash: payment, at: 5s, for: exponential(2s)"))
    assert (once.at, once.every, once.duration) == (5 * SECOND, None, Dist("exponential", (2e9,)))
    again = only_fault(plan(SHOP % "crash: payment, every: 1m, for: 2s, replicas: 1"))
    assert (again.at, again.every, again.replicas, again.number) == (NEVER, Dist("constant", (6e10,)), "some", 1)


def test_a_deploy_changes_its_own_service() -> None:
    deploy = only_fault(
        plan(
            SHOP % "deploy: payment, at: 1s, canary: 10%, canary_for: 5s, max_unavailable: 2, "
            "changes: {threads: 2, 'endpoints.charge.steps': [work: 1ms]}"
        )
    )
    assert deploy.changes == (
        ("services.payment.threads", 2),
        ("services.payment.endpoints.charge.steps", [{"work": "1ms"}]),
    )
    assert (deploy.canary, deploy.canary_for, deploy.max_unavailable) == (0.1, 5 * SECOND, 2)


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("db -> order", "`db` is a store: it answers, but sends nothing of its own"),
        ("order -> clients", "`clients` send requests, nothing is sent to them"),
        ("clients -> db", "nothing passes from `clients` to `db`: only a service uses stores and channels"),
        ("jobs -> db", "nothing passes from `jobs` to `db`: only a service uses stores and channels"),
    ],
)
def test_a_link_that_carries_nothing_is_an_error(link: str, message: str) -> None:
    (found,) = problems(SHOP % f"cut: {link}, at: 1s")
    assert (found.code, found.message, found.path) == ("E707", message, "faults[0].cut")
    assert found.source_line.startswith("faults: [{cut:")


@pytest.mark.parametrize("fault", ["delay: jobs -> payment, add: 1s", "drop: jobs -> payment, rate: 10%"])
def test_what_a_channel_delivers_can_only_be_cut(fault: str) -> None:
    (found,) = problems(SHOP % f"{fault}, at: 1s")
    assert found.code == "E707"
    assert "`jobs` delivers: a channel delivers until the message is acknowledged" in found.message
    assert found.help == "cut it, or let payment be slow or fail"


def test_every_code_of_the_plan_is_documented() -> None:
    folder = Path(msforge.model.__file__).parent
    used = {code for path in folder.glob("*.py") for code in re.findall(r'"(E7[0-9]+)"', path.read_text("utf-8"))}
    assert used == set(OF_THE_PLAN)
