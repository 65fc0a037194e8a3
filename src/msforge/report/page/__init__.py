"""A Result, or two, as one HTML file that needs nothing else. Python computes every number; the page draws."""

from msforge.report.page.comparison import comparison_page
from msforge.report.page.run import run_page

__all__ = ["comparison_page", "run_page"]
