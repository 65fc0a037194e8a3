"""The simulator: a System in, Records out, on SimPy."""

from msforge.sim.engine import Engine
from msforge.sim.many import run_jobs, run_many
from msforge.sim.retrace import retrace
from msforge.sim.run import run

__all__ = ["Engine", "retrace", "run", "run_jobs", "run_many"]
