"""What is lost and what is applied twice when processes and servers die: nothing, with an outbox and idempotent
consumers; without them what the simulation says."""

from __future__ import annotations

import asyncio

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
    publisher, consumer = asyncio.run(rounds.play(range(2), safe=False, tell=print))
    counts = simulated(safe=False)
    assert (publisher.strike, consumer.strike) == ("publisher", "consumer")
    assert 0 < counts["lost"] <= 10 and 0 < publisher.lost <= 10
    assert 0 < counts["applied_twice"] <= 20 and 0 < consumer.twice <= 20
    assert publisher.twice == consumer.lost == 0
