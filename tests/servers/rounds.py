"""Rounds of faults against a publisher and a consumer in processes of their own, on RabbitMQ and PostgreSQL.

A round sends orders at a steady rate, strikes once (its seed says where and when), mends what it struck, and waits
until nothing is in the outbox, in a queue or with a consumer any more. What the publisher's database has kept, and
what customers were told is kept, must then be in the consumer's database, each order once.

`python -m tests.servers.rounds 100` plays so many rounds and says what was lost and what was applied twice; `from N`
begins with seed N, `again` plays that one each time, `bare` does without outbox and idempotent consumer, beside what
the simulation predicts. All there is to know about a round that was not clean is kept in the folder that it names;
`keep` keeps it of every round.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from msforge import sim
from msforge.model import compile_system
from msforge.recording.records import CHANNEL_COUNTS, STORE_COUNTS
from msforge.spec import load_text
from tests.servers.round_stage import RATE, STRIKES, Outcome, Stage, description
from tests.servers.serving import end_all

FAULTS = {
    "publisher": "{{crash: shop, at: {at}s, for: {took}s}}",
    "consumer": "{{crash: stock, at: {at}s, for: {took}s}}",
    "broker restarts": "{{zone: brokers, at: {at}s, for: {took}s}}",
    "broker crashes": "{{zone: brokers, at: {at}s, for: {took}s}}",
    "database restarts": "{{zone: databases, at: {at}s, for: {took}s}}",
    "database crashes": "{{zone: databases, at: {at}s, for: {took}s}}",
}
"""The strikes that the simulation has a fault for, as it is written."""

STAGES = itertools.count()
"""Every stage of this process has queues and databases of its own, also when a test is tried once more."""

Tell = Callable[[str], None]


async def play(
    seeds: Iterable[int], safe: bool, tell: Tell = lambda line: None, *, keep_all: bool = False,
    enough: Callable[[Outcome], bool] = lambda outcome: False
) -> list[Outcome]:
    """So many rounds, on one stage for as long as they are clean: what an unclean one has left is not the next one's.

    A round that is `enough` is the last.

    Without outbox and idempotence only a round that does not come to rest is unclean.
    """
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stage: Stage | None = None
        try:
            for seed in seeds:
                if stage is None:
                    name = f"{'safe' if safe else 'bare'}{os.getpid()}x{next(STAGES)}"
                    stage = Stage(Path(folder) / name, safe, name)
                    await stage.start()
                outcome = await stage.round(seed)
                nth = sum(seed == before.seed for before in outcomes)
                outcomes.append(outcome)
                tell(f"{seed}: {outcome}")
                unclean = not outcome.clean if safe else not outcome.rest
                folder_name = f"{'safe' if safe else 'bare'}-{seed}{f'.{nth}' if nth else ''}"
                kept = Path(tempfile.gettempdir()) / "msforge-rounds" / folder_name
                shutil.rmtree(kept, ignore_errors=True)  # of an earlier time
                if unclean or keep_all:
                    stage.evidence.keep(kept, outcome, await stage.found())
                    tell(f"{seed}: see {kept}")
                if unclean:
                    stage.stop()
                    stage = None
                if enough(outcome):
                    break
        finally:
            if stage is not None:
                stage.stop()
    return outcomes


def predicted(outcome: Outcome, safe: bool) -> tuple[int, int] | None:
    """Orders lost and applied twice, as the simulation has them, with the orders and the strike as they really were.

    None: it has no such fault.
    """
    if outcome.strike not in FAULTS:
        return None
    sent = ", ".join(f"{at}s" for at in outcome.sent)
    text = (
        description(safe).replace(f"rate: {RATE}/s, arrivals: constant", f"at: [{sent}]")
        .replace("channels:\n  placed: {", "channels:\n  placed: {zone: brokers, ")
        .replace("write: 1ms}", "write: 1ms, zone: databases}").replace("duration: 20s", "duration: 120s")
    )
    fault = FAULTS[outcome.strike].format(at=outcome.at, took=max(outcome.took, 0.01))
    system = compile_system(load_text(f"{text}faults:\n  - {fault}\n"))
    records = sim.run(system)
    channel = dict(zip(CHANNEL_COUNTS, map(int, records.channel_counts[0]), strict=True))
    orders = [store.name for store in system.stores].index("orders")
    kept = int(records.store_counts[orders][STORE_COUNTS.index("finished")])
    return kept - channel["published"], channel["applied_twice"]


def table(outcomes: list[Outcome], safe: bool) -> str:
    """A line a kind of strike: what came of it, in brackets what the simulation predicts."""
    lines = [f"{'strike':18}{'rounds':>7}{'orders':>8}{'lost':>13}{'twice':>13}{'late':>6}{'quiet after, at most':>22}"]
    for strike in (*STRIKES, "all"):
        mine = [outcome for outcome in outcomes if strike in (outcome.strike, "all")]
        if mine:
            lost, twice = sum(o.lost for o in mine), sum(o.twice for o in mine)
            said = [predicted(outcome, safe) for outcome in mine]
            words = [f"{lost}", f"{twice}"]
            if None not in said:
                words = [f"{real} ({sum(one[i] for one in said if one)})" for i, real in enumerate((lost, twice))]
            lines.append(f"{strike:18}{len(mine):7}{sum(o.kept for o in mine):8}{words[0]:>13}{words[1]:>13}"
                         f"{sum(o.late for o in mine):6}{max(o.quiet for o in mine):20.1f} s")
    return "\n".join(lines)


def main() -> None:
    """Rounds with an outbox and an idempotent consumer; with `bare`, without."""
    count, safe = int(sys.argv[1]), "bare" not in sys.argv
    first = int(sys.argv[sys.argv.index("from") + 1]) if "from" in sys.argv else 0
    seeds = [first] * count if "again" in sys.argv else range(first, first + count)
    try:
        outcomes = asyncio.run(
            play(seeds, safe, lambda line: print(line, flush=True), keep_all="keep" in sys.argv))
        print(table(outcomes, safe))
    finally:
        end_all()


if __name__ == "__main__":
    main()
