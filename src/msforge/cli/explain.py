"""`msforge explain`: what theory says before any dice are thrown."""

from __future__ import annotations

from msforge.cli.common import (
    ExampleOption,
    FileArgument,
    JsonOption,
    QuietOption,
    ScenarioOption,
    SetOption,
    loading,
    terminal,
)


def explain(
    file: FileArgument = None,
    example: ExampleOption = None,
    scenario: ScenarioOption = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say what theory expects: load, bottleneck, mean and worst latency, retries, availability, cost.

    \b
    Examples:
      msforge explain shop.yaml
      msforge explain --example shop --scenario black-friday
      msforge explain shop.yaml --set services.payment.replicas=4 --json
    """
    import msforge

    found = msforge.explain(**loading(file, example, scenario, sets))
    term = terminal(quiet=quiet)
    if as_json:
        import json

        term.raw(json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return
    from msforge.report.explain import explanation

    term.show(*explanation(found, term.out.width))
