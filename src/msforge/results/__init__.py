"""Records to Result: statistics, intervals, objectives, comparison, explanation. Knows no simulator."""

from msforge.results.chosen import chosen
from msforge.results.result import Result
from msforge.results.summarise import on_demand, read_window, summarise

__all__ = ["Result", "chosen", "on_demand", "read_window", "summarise"]
