"""One measurement in a process of its own: `python one.py ENGINE WORK SECONDS SEED` prints JSON.

CPU time is `time.process_time` around the run alone; imports, reading the description and
building the graph are outside it (`prepare` says what they cost).
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable

import works

BATCHES = 20
Latencies = list[float]


def prepare(engine: str, work: str, seconds: float, seed: int) -> Callable[[], Latencies]:
    """Everything before the clock starts; returns the run."""
    if engine == "msforge":
        from msforge import sim
        from msforge.model import compile_system
        from msforge.spec import load_text

        system = compile_system(load_text(works.DESCRIPTIONS[work](seconds)))

        def run() -> Latencies:
            records = sim.run(system, seed=seed)
            if not records.rows_complete:
                raise SystemExit("the run is longer than the rows that are kept: shorten it")
            latencies: Latencies = ((records.roots["end"] - records.roots["arrival"]) / 1e9).tolist()
            return latencies

        return run
    if engine == "ciw":
        import ciw

        network = ciw.create_network(
            arrival_distributions=[ciw.dists.Exponential(rate=works.MM4_RATE)],
            service_distributions=[ciw.dists.Exponential(rate=1 / works.MM4_MEAN)],
            number_of_servers=[works.MM4_THREADS],
        )
        ciw.seed(seed)
        simulation = ciw.Simulation(network)

        def run() -> Latencies:
            simulation.simulate_until_max_time(seconds)
            return [r.exit_date - r.arrival_date for r in simulation.get_all_records()]

        return run
    import plain

    return lambda: plain.run(work, seconds, seed)


def batch_means(latencies: Latencies) -> list[float]:
    """Mean latency of each of twenty runs of neighbours, in the order they ended."""
    size = len(latencies) // BATCHES
    return [sum(latencies[k * size : (k + 1) * size]) / size for k in range(BATCHES)]


def main() -> None:
    """Measure and print."""
    engine, work, seconds, seed = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    before = time.process_time()
    run = prepare(engine, work, seconds, seed)
    gc.collect()
    begin = time.process_time()
    latencies = run()
    cpu = time.process_time() - begin
    seen = {"cpu": cpu, "prepare": begin - before, "roots": len(latencies), "batches": batch_means(latencies)}
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
