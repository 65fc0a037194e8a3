"""The public door: the functions behind the commands, by the same names."""

from __future__ import annotations

from pathlib import Path

import pytest

import msforge
from msforge.testing import ProgressLog, blank_result


def test_simulating_reports_progress_up_to_the_whole_and_gives_the_result_of_the_file(tiny: Path) -> None:
    log = ProgressLog()
    result = msforge.simulate(tiny, replications=2, processes=1, progress=log)
    done, total, requests = log.calls[-1]
    assert total == 2 * 20 * 10**9 and done == total
    assert requests == 2 * 20 * 50 == sum(source.counts.arrivals for source in result.sources) + 2 * 5 * 50
    assert [call[0] for call in log.calls] == sorted(call[0] for call in log.calls)


def test_a_result_survives_the_way_through_a_file_and_a_window_of_it_is_the_runs_own(tiny: Path) -> None:
    result = msforge.simulate(tiny, scenario="slow", processes=1)
    msforge.write_result(result, "run.json")
    again = msforge.read_result("run.json")
    assert again == result
    msforge.write_result(again, "again.json")
    assert Path("again.json").read_bytes() == Path("run.json").read_bytes()
    part = msforge.read_result("run.json", window=(10 * 10**9, 15 * 10**9))
    direct = msforge.simulate(tiny, scenario="slow", processes=1, window=(10 * 10**9, 15 * 10**9))
    assert part.windowed and part.span == direct.span
    assert part.entries[0].counts == direct.entries[0].counts


def test_a_run_that_is_stopped_has_what_was_measured_and_says_so(tiny: Path) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 100

    result = msforge.simulate(tiny, replications=1, processes=1, stop=stop)
    assert result.interrupted and result.replications == 1
    assert 0 < result.sources[0].counts.arrivals < 15 * 50


def test_a_loaded_description_can_be_used_again_but_not_changed_on_the_way(tiny: Path) -> None:
    spec = msforge.load(tiny, scenario="slow")
    assert msforge.check(spec) == msforge.check(tiny, scenario="slow")
    assert msforge.estimate(spec).roots == pytest.approx(1000)
    for call in (msforge.simulate, msforge.check, msforge.explain, msforge.estimate):
        with pytest.raises(msforge.UsageError, match="takes no scenario"):
            call(spec, sets=["name=x"])


def test_what_is_invalid_raises_every_diagnostic_and_check_returns_them(broken: Path) -> None:
    with pytest.raises(msforge.InvalidFileError) as caught:
        msforge.simulate(broken)
    assert len(caught.value.diagnostics) == 2
    assert msforge.check(broken) == caught.value.diagnostics


def test_what_cannot_be_written_or_read_raises_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(msforge.UsageError, match="cannot write"):
        msforge.write_result(blank_result(), tmp_path / "no" / "run.json")
    with pytest.raises(msforge.UsageError, match="cannot read"):
        msforge.read_result(tmp_path)


def test_every_error_survives_the_way_from_a_worker_process() -> None:
    import pickle

    finding = msforge.Diagnostic(msforge.Severity.ERROR, "E1", "wrong")
    invalid = pickle.loads(pickle.dumps(msforge.InvalidFileError([finding])))
    assert invalid.diagnostics == [finding] and str(invalid) == "1 error in the description"
    usage = pickle.loads(pickle.dumps(msforge.UsageError("wrong", hint="do right")))
    assert (usage.message, usage.hint, usage.exit_code) == ("wrong", "do right", 2)
