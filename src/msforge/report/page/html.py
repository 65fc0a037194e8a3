"""The built page with a document put into it."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from msforge.diagram.palette import stylesheet
from msforge.report.bundle import bundle


def filled(document: dict[str, Any], title: str) -> str:
    """One HTML file. Whatever the document holds is data: nothing in it can end the element it stands in.

    Raises UsageError when the browser side was not built.
    """
    page = (bundle("report") / "index.html").read_text("utf-8")
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Lone surrogates have no place in UTF-8; < and > could look like an element's end or a comment's beginning.
    data = text.replace("<", "\\u003c").replace(">", "\\u003e").encode("utf-8", "backslashreplace").decode("utf-8")
    head = f"<title>{escape(title.encode('utf-8', 'replace').decode('utf-8'))}</title><style>{stylesheet()}</style>"
    for mark, what in (("<title>PAGE-TITLE</title>", head), ('"PAGE-DATA"', data)):
        before, found, after = page.partition(mark)
        assert found, f"the built page has no {mark}"
        page = before + what + after
    return page
