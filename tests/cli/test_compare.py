"""`msforge compare`: results, descriptions, or a description with itself changed; paired by seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer import Typer
from typer.testing import CliRunner, Result

from msforge.cli import app


def run(app: Typer, arguments: list[str], **options: Any) -> Result:
    """Types a command. In this process, unless it says otherwise: starting others is most of a short run's time."""
    here = ["--processes", "1"] if arguments[0] in ("simulate", "compare") and "--processes" not in arguments else []
    return CliRunner().invoke(app, [*arguments, *here], **options)


def test_two_results_and_two_descriptions_give_the_same_table(tiny: Path) -> None:
    Path("slow.yaml").write_text(tiny.read_text("utf-8").replace("wait: 10ms", "wait: 20ms"), "utf-8")
    for name in ("tiny", "slow"):
        run(app, ["simulate", f"{name}.yaml", "-o", f"{name}.json", "-q"])
    results = run(app, ["compare", "tiny.json", "slow.json"])
    files = run(app, ["compare", "tiny.yaml", "slow.yaml"])
    mixed = run(app, ["compare", "tiny.json", "slow.yaml"])
    assert results.exit_code == files.exit_code == mixed.exit_code == 0, results.output + files.output + mixed.output
    assert results.stdout == files.stdout == mixed.stdout
    assert "paired" in results.stdout and "✗ worse" in results.stdout and "+10.0ms" in results.stdout


def test_one_file_is_compared_with_its_scenario_or_with_what_is_set(tiny: Path) -> None:
    scenario = run(app, ["compare", "tiny.yaml", "--scenario", "slow"])
    assert scenario.exit_code == 0 and "after   tiny (slow)" in scenario.stdout and "✗ worse" in scenario.stdout
    both = run(app, ["compare", "tiny.yaml", "-s", "slow", "-s", "slow"])
    assert "before  tiny (slow)" in both.stdout and "Nothing changed" in both.stdout
    changed = run(app, ["compare", "tiny.yaml", "--set", "services.back.endpoints.fetch.steps[0].wait=5ms"])
    assert changed.exit_code == 0 and "✓ better" in changed.stdout
    assert "after   tiny with services.back.endpoints.fetch.steps[0].wait=5ms" in changed.stdout
    shorter = run(
        app, ["compare", "tiny.yaml", "--duration", "10s", "--scenario", "slow", "--set", "name=tiny", "--json"]
    )
    assert json.loads(shorter.stdout)["before"] == "tiny (slow)"
    assert json.loads(shorter.stdout)["method"] == "paired replications"


def test_json_is_the_comparison_alone(tiny: Path) -> None:
    result = run(app, ["compare", "tiny.yaml", "--scenario", "slow", "--json"])
    plain = json.loads(result.stdout)
    assert plain["method"] == "paired replications" and plain["after"] == "tiny (slow)"


def test_wrong_calls_say_what_to_do(tiny: Path) -> None:
    run(app, ["simulate", "tiny.yaml", "-o", "run.json", "-q"])
    for arguments, words in (
        (["tiny.yaml"], "nothing to compare"),
        (["tiny.yaml", "missing.yaml"], "there is no file"),
        (["missing.json", "gone.json"], "a result is written by"),
        (["run.json", "--scenario", "slow"], "descriptions only"),
        (["tiny.yaml", "-s", "a", "-s", "b", "-s", "c"], "at most twice"),
    ):
        result = run(app, ["compare", *arguments])
        assert result.exit_code == 2 and words in result.stderr, result.output


def test_option_that_two_results_cannot_follow_is_refused(tiny: Path) -> None:
    run(app, ["simulate", "tiny.yaml", "-o", "tiny.json", "-q"])
    refused = run(app, ["compare", "tiny.json", "tiny.json", "--seed", "3", "-n", "4"])
    assert refused.exit_code == 2
    assert "both files are results: --seed and --replications would change nothing" in refused.stderr
    longer = run(app, ["compare", "tiny.json", "tiny.yaml", "--duration", "9s"])
    assert longer.exit_code == 2 and "--duration changes descriptions only" in longer.stderr
    assert run(app, ["compare", "tiny.json", "tiny.yaml", "--seed", "1"]).exit_code == 0


def test_figures_are_named_in_words(tiny: Path) -> None:
    slower = run(app, ["compare", "tiny.yaml", "--set", "services.back.endpoints.fetch.steps[0].wait=20ms", "--all"])
    assert "p99.9" in slower.stdout and "wait mean" in slower.stdout
    assert "p999" not in slower.stdout and "wait_mean" not in slower.stdout
