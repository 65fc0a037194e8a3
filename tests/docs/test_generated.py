"""The generated pages say what the code says."""

from __future__ import annotations

from tools import generate_docs


def test_the_generated_pages_are_up_to_date() -> None:
    old = [
        name for name, text in generate_docs.pages().items()
        if not (generate_docs.DOCS / name).exists() or (generate_docs.DOCS / name).read_text(encoding="utf-8") != text
    ]  # fmt: skip
    assert old == [], "run: python tools/generate_docs.py"


def test_nothing_is_left_of_a_page_that_is_not_made_any_more() -> None:
    made = set(generate_docs.pages())
    there = {f"reference/{file.name}" for file in (generate_docs.DOCS / "reference").glob("*.md")}
    assert there <= made
