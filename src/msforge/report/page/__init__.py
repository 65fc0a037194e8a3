"""A Result, two, or a verification as one HTML file that needs nothing else. Python computes; the page draws."""

from msforge.report.page.agreement import agreement_page
from msforge.report.page.comparison import comparison_page
from msforge.report.page.run import run_page

__all__ = ["agreement_page", "comparison_page", "run_page"]
