"""Records to Result: statistics, intervals, objectives, comparison, explanation. Knows no simulator."""

from msforge.results.chosen import chosen
from msforge.results.result import Result
from msforge.results.summarise import read_window, summarise

__all__ = ["Result", "chosen", "read_window", "summarise"]
