"""The generated reference: every key is in it, and every example it shows is valid."""

from __future__ import annotations

import re

import pytest

from msforge.spec import load_text
from msforge.spec.codes import CODES
from msforge.spec.overlays import SYSTEM
from msforge.spec.reference import reference_pages
from msforge.spec.shape import keys_of, models_of

PAGES = reference_pages()
EXAMPLES = [
    (name, text)
    for name, page in PAGES.items()
    for text in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(EXAMPLES)])
def test_every_example_is_valid(name: str, text: str) -> None:
    spec = load_text(text, file=name)
    for scenario in spec.scenarios:
        load_text(text, file=name, scenario=scenario)


def test_every_key_has_a_row() -> None:
    rows = {line for page in PAGES.values() for line in page.splitlines() if line.startswith("| `")}
    for model in models_of(SYSTEM):
        if model.__name__ in ("Verbless", "_NoItem", "_NoFault"):
            continue
        for name, key in keys_of(model).items():
            described = " ".join((key.info.description or "").split()).replace("|", "\\|")
            assert described
            assert any(row.startswith(f"| `{name}` |") and row.endswith(f"| {described} |") for row in rows), (
                model,
                name,
            )


def test_every_code_has_a_row() -> None:
    assert all(f"| {code} | {meaning} |" in PAGES["diagnostics.md"] for code, meaning in CODES.items())


def test_every_page_is_linked_and_every_link_leads_to_one() -> None:
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", PAGES["index.md"]))
    assert linked | {"index.md"} == set(PAGES)


def test_tables_are_whole() -> None:
    for name, page in PAGES.items():
        for line in page.splitlines():
            if line.startswith("|"):
                cells = re.sub(r"`[^`]*`|\\\|", "", line).count("|")
                assert cells in (3, 4, 5), (name, line)
