"""A comparison shows what changed, counts what did not, and never calls noise a change."""

from __future__ import annotations

from msforge.report.comparison import comparison_report
from msforge.results.compare import compare
from msforge.results.figures import Measured
from msforge.results.result import Figure, Intervals, ObjectiveResult, Result
from msforge.testing import blank_result, fake_terminal

ENTRY = "entry/shoppers -> gateway.checkout"


def result(scenario: str, p99: list[float], success: list[float], met: bool, *more: Figure) -> Result:
    def figure(name: str, unit: str, better: str, values: list[float]) -> Figure:
        return Figure(name, unit, better, list(values), Measured(sum(values) / len(values)))

    figures = [figure(f"{ENTRY}/p99", "ns", "less", p99), figure(f"{ENTRY}/success", "ratio", "more", success)]
    objective = ObjectiveResult(
        "p99 < 800ms", "gateway.checkout", "p99", True, 8e8, "ns", Measured(1.0), met, "yes" if met else "no"
    )
    return blank_result(
        system="shop", scenario=scenario, replications=3, seed=42, intervals=Intervals("replications", 3, 0.95, ""),
        objectives=[objective], figures=[*figures, *more],
    )  # fmt: skip


def shown(before: Result, after: Result, *, every: bool = False) -> str:
    term, out, _ = fake_terminal()
    term.show(*comparison_report(compare(before, after), 80, every=every))
    return out()


def test_what_changed_is_shown_with_its_interval_and_verdict() -> None:
    text = shown(
        result("", [4e8, 4.1e8, 4.2e8], [0.99, 0.99, 0.99], True),
        result("payment-down", [1.9e9, 1.92e9, 1.94e9], [0.99, 0.99, 0.99], False),
    )
    assert text == (
        "before  shop\n"
        "after   shop (payment-down)\n"
        "paired t over 3 replications with the same seeds: the dice are the same\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "\n"
        "Objectives\n"
        "                                 before  after     figure\n"
        "  gateway.checkout  p99 < 800ms  ✓ met   ✗ missed  no interval\n"
        "\n"
        "entry shoppers -> gateway.checkout\n"
        "       before  after     difference         verdict\n"
        "  p99   410ms  1.92s  +1.51s ± 25ms  +368%  ✗ worse\n"
        "\n"
        "1 figure the same; --all shows them\n"
    )


def test_noise_is_counted_not_shown_unless_asked_for() -> None:
    before = result("", [4e8, 4.1e8, 4.2e8], [0.99, 0.98, 0.97], True)
    after = result("", [4.1e8, 4.05e8, 4.2e8], [0.98, 0.99, 0.97], True)
    text = shown(before, after)
    assert "Nothing changed by more than the noise" in text and "2 figures inside the noise; --all shows them" in text
    assert "worse" not in text and "better" not in text
    everything = shown(before, after, every=True)
    assert everything.count("inside the noise") == 3 and "p99" in everything


def test_better_is_marked_by_more_than_colour() -> None:
    text = shown(result("", [2e9, 2.1e9, 2.2e9], [0.5] * 3, False), result("", [4e8, 4.1e8, 4.2e8], [0.5] * 3, True))
    assert "✓ better" in text and "-1.69s" in text and "-80%" in text


def test_figures_that_one_side_lacks_are_named() -> None:
    extra = Figure("service/cart/utilisation", "ratio", "", [0.1] * 3, Measured(0.1))
    text = shown(result("", [1e8] * 3, [1.0] * 3, True), result("", [1e8] * 3, [1.0] * 3, True, extra))
    assert "only after: service cart" in text


def test_names_cannot_colour_or_clear_the_screen() -> None:
    text = shown(result("\x1b[2J[red]", [1e8] * 3, [1.0] * 3, True), result("\x1b[2J", [1e8] * 3, [1.0] * 3, True))
    assert "\x1b" not in text and "\\x1b[2J[red]" in text


def test_systems_without_a_common_entry_are_compared_by_their_clients() -> None:
    def one(entry: str, success: float) -> Result:
        named = ("entry/shoppers -> " + entry, "source/shoppers")
        figures = [Figure(f"{n}/success", "ratio", "more", [success] * 3, Measured(success)) for n in named]
        return blank_result(system=entry, replications=3, seed=42, figures=figures,
                            intervals=Intervals("replications", 3, 0.95, ""))  # fmt: skip

    text = shown(one("gateway.checkout", 0.5), one("shop.checkout", 0.9))
    assert "source shoppers\n" in text and "50.0%" in text and "90.0%" in text
    assert "source shoppers\n" not in shown(one("shop.checkout", 0.5), one("shop.checkout", 0.9))
