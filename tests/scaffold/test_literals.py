"""Values written as Python are the same values when Python reads them."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from msforge.policies.distributions import Dist
from msforge.runtime.plan import MINUTE, MS, SECOND, US
from msforge.scaffold.python.literals import WIDTH, call, comment, distribution, duration, sequence, text, written

NAMES = {"Dist": Dist, "MS": MS, "SECOND": SECOND, "US": US, "MINUTE": MINUTE}


@given(st.integers(-1, 10**16))
def test_a_duration_is_exact(ns: int) -> None:
    assert eval(duration(ns), dict(NAMES)) == ns


@given(st.text())
def test_a_text_is_exact_and_on_one_line(value: str) -> None:
    assert ast.literal_eval(text(value)) == value
    assert "\n" not in text(value)


@given(st.text())
def test_a_comment_cannot_end_its_docstring(value: str) -> None:
    tree = ast.parse(f'def f():\n    """{comment(value)}."""\n')
    assert len(tree.body) == 1


positive = st.floats(1e-3, 1e15)
dists = st.one_of(
    st.builds(lambda v: Dist("constant", (float(v),)), st.integers(0, 10**15)),
    st.builds(lambda v: Dist("exponential", (v,)), positive),
    st.builds(lambda a, b: Dist("lognormal", (a, b)), st.floats(-5, 30), st.floats(0, 5)),
    st.builds(lambda a, b: Dist("gamma", (a, b)), positive, positive),
    st.builds(lambda a, b: Dist("mixture", (a, 1.0), (Dist("constant", (b,)), Dist("exponential", (a,)))), positive,
              positive),
    st.builds(lambda v: Dist("empirical", tuple(sorted(v))), st.lists(positive, min_size=1, max_size=30)),
)  # fmt: skip


@given(dists)
def test_a_distribution_is_the_same_to_the_bit(dist: Dist) -> None:
    assert eval(written(distribution(dist)), dict(NAMES)) == dist


@given(st.lists(st.text("abc", min_size=1, max_size=30), max_size=12), st.integers(0, 40))
def test_code_is_wrapped_where_a_line_would_be_too_long(words: list[str], indent: int) -> None:
    code = call("function", sequence(words), key=sequence(words))
    lines = written(code, indent=indent).split("\n")
    assert all(len(line) <= WIDTH or line.strip().count(",") <= 1 for line in lines)
    ast.parse("if True:\n" + "\n".join(" " * 4 + line for line in lines) if not indent else "\n".join(lines).strip())
