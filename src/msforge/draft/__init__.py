"""A description out of traces: topology, order of calls, service times, errors, channels, stores and rates, as a draft.

Spans in, YAML text and warnings out. What traces cannot tell is left at what does no harm, and the text says so.
"""

from __future__ import annotations

from msforge.draft.make import Draft, draft

__all__ = ["Draft", "draft"]
