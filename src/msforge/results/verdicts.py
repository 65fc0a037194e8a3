"""What a Result concludes: objectives, stability, recovery, and the story."""

# ruff: noqa: RUF009  (`doc` is a dataclass field with its text and unit, not a shared default)
from __future__ import annotations

from dataclasses import dataclass

from msforge.results.figures import Measured, doc


@dataclass
class ObjectiveResult:
    """An objective and its verdict. The exit code follows `met`; `verdict` says how sure that is."""

    text: str = doc("as written in the description")
    subject: str = doc("the endpoint or source it is about")
    metric: str = doc("mean, p50 ... p99.9, max, success, error_rate, throughput or availability")
    less: bool = doc("true: measured must be below the limit; false: above")
    limit: float = doc("the limit", "ns, 0..1 or 1/s by metric")
    unit: str = doc("`ns`, `ratio` or `per_second`")
    measured: Measured = doc("what was measured", "as the limit")
    met: bool = doc("verdict by the point value; nothing measured is not met")
    verdict: str = doc("`yes`, `no` or `unsure`: the interval holds the limit, or there is no value")


@dataclass
class Unstable:
    """A backlog that was still growing when the run ended."""

    kind: str = doc("`service`, `store`, `channel` or `source`")
    name: str = doc("whose backlog")
    slope: float = doc("growth over the last part of the run", "1/s")
    low: float = doc("lower end of the slope's 95 % interval", "1/s")
    high: float = doc("upper end", "1/s")
    backlog: float = doc("waiting at the end")
    begin: int = doc("start of the part the slope was measured over", "ns")
    text: str = doc("e.g. `unstable: backlog at payment still growing at 37/s`")


@dataclass
class Recovery:
    """How long an entry took to recover after a fault ended.

    The time from the fault's end to the first bucket from which, until the next fault or the last arrival, success
    and mean latency (by arrival, averaged over ten buckets) are back within the band they held in the minute before
    the fault began, in at least 95 % of the buckets. The band: at most 3 standard deviations (and half a point) below
    the mean success, at most 3 standard deviations (and 10 %) above the mean latency.
    """

    entry: str = doc("the entry")
    label: str = doc("the fault")
    replication: int = doc("replication, from 0")
    cleared: int = doc("when the fault ended", "ns")
    recovered: int | None = doc("time it took; null = not recovered within the run", "ns")
    text: str = doc("e.g. `recovered 12 s after`, `not recovered`, or why it can't be said")


@dataclass
class Storm:
    """The figures of a retry storm."""

    attempts: Measured = doc("client tries per root request")
    amplification: Measured = doc("requests that reached services per root request")
    retry_share: Measured = doc("retries / tries over all call edges", "0..1")
    gone_share: Measured = doc("share of the services' finished requests whose caller had given up", "0..1")
    recoveries: list[Recovery] = doc("per entry and timed fault")


@dataclass
class Evidence:
    """A sentence of the story and the figures behind it."""

    text: str = doc("plain words, with measured figures")
    begin: int | None = doc("when it began; null = all along", "ns")
    end: int | None = doc("when it ended; null = lasted to the end", "ns")


@dataclass
class Suspect:
    """Who is blamed, how strongly, and on what evidence."""

    name: str = doc("service, store, channel or `caller -> callee`")
    kind: str = doc("`service`, `store`, `channel` or `link`")
    service: str = doc("the service that stands for it: itself, a store's user, a link's callee")
    symptom: str = doc("slow, failing, down, saturated, paused, unreachable, delayed, overloaded or backlog")
    score: float = doc("harm explained, in request-seconds and failed requests; comparable within one story")
    begin: int | None = doc("when it began", "ns")
    end: int | None = doc("when it ended; null = lasted to the end", "ns")
    evidence: list[Evidence] = doc("what speaks for it, strongest first")
    spread: list[Evidence] = doc("how it reached the entries, from the suspect upwards")
    advice: list[str] = doc("what to try, each derived from the evidence")


@dataclass
class Story:
    """Where it hurts, when, why and what to try; computed from the measurements alone."""

    healthy: bool = doc("true: nothing stands out and nobody is blamed")
    headline: str = doc("one sentence")
    decided: bool = doc("false: the evidence does not decide between the first suspects")
    suspects: list[Suspect] = doc("ranked, first the strongest")
