"""What is lost and what is applied twice when processes and servers die: nothing, with an outbox and idempotent
consumers; without them what the simulation says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from msforge import sim
from msforge.model import compile_system
from msforge.recording.records import CHANNEL_COUNTS
from msforge.spec import load_text
from tests.servers import rounds
from tests.servers.serving import serving

pytest.importorskip("aio_pika", reason="aio-pika is not installed")
pytest.importorskip("asyncpg", reason="asyncpg is not installed")

CRASHES = """\
faults:
  - {crash: shop, at: 5s, for: 1s}
  - {crash: stock, at: 10s, for: 1s}
"""


@pytest.fixture(autouse=True)
def servers() -> None:
    serving("rabbitmq")
    serving("postgres")


def simulated(safe: bool) -> dict[str, int]:
    """What the channel has counted when both services crash once."""
    records = sim.run(compile_system(load_text(rounds.description(safe) + CRASHES)))
    return dict(zip(CHANNEL_COUNTS, map(int, records.channel_counts[0]), strict=True))


def test_with_outbox_and_idempotent_consumer_nothing_is_lost_or_applied_twice() -> None:
    outcomes = asyncio.run(rounds.play(range(len(rounds.STRIKES)), safe=True, tell=print))
    assert [o for o in outcomes if not o.clean] == []
    assert all(o.kept for o in outcomes)
    counts = simulated(safe=True)
    assert (counts["lost"], counts["applied_twice"]) == (0, 0)


def test_without_them_is_lost_and_applied_twice_what_the_simulation_predicts() -> None:
    counts = simulated(safe=False)
    assert 0 < counts["lost"] <= 10 and 0 < counts["applied_twice"] <= 20
    publishers = bare("publisher", lambda outcome: outcome.lost > 0)
    assert publishers[-1].lost > 0 and all(o.lost <= 10 and o.twice == 0 for o in publishers)
    consumers = bare("consumer", lambda outcome: outcome.twice > 0)
    assert consumers[-1].twice > 0 and all(o.twice <= 20 and o.lost == 0 for o in consumers)


def bare(strike: str, harm: Callable[[rounds.Outcome], bool]) -> list[rounds.Outcome]:
    """Rounds with this strike until one did harm: whether a crash meets an order in the gap is the machine's to say."""
    seeds = range(rounds.STRIKES.index(strike), 8 * len(rounds.STRIKES), len(rounds.STRIKES))
    return asyncio.run(rounds.play(seeds, safe=False, tell=print, enough=harm))
