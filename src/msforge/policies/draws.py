"""Draws by key: everything random that a run or a generated service needs, in one door.

`msforge.sim.blocks` gives the same values, to the bit, a block of request numbers at a time.
"""

from __future__ import annotations

from msforge.policies.keys import child_key, occurrence, raw, stream_key, uniform
from msforge.policies.sampling import duration, sample, sampler

__all__ = ["child_key", "duration", "occurrence", "raw", "sample", "sampler", "stream_key", "uniform"]
