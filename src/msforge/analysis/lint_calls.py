"""Warnings about calls: timeouts, retries, breakers, hedges."""

from __future__ import annotations

import math
from collections.abc import Iterator

from msforge.analysis.finding import Facts, Finding, listed, ms, number, times_word
from msforge.analysis.worst import Chain, Link, WorstTime, backoffs, chains_into, consumer_path
from msforge.model.plan import NEVER, UNLIMITED, Breaker, CallPolicy, Retry, Step, Verb
from msforge.records import Outcome

NOTHING_DONE = frozenset({
    Outcome.OVERLOADED, Outcome.RATE_LIMITED, Outcome.UNAVAILABLE, Outcome.CIRCUIT_OPEN, Outcome.BULKHEAD_FULL,
    Outcome.THROTTLED,
})
"""Outcomes of a try that never started: repeating it repeats nothing."""


def short_timeouts(facts: Facts) -> Iterator[Finding]:
    """W101: the callee may still be retrying when its caller has gone."""
    worst = WorstTime(facts.system, strict=False)
    for step in facts.calls():
        if facts.remote(step):
            yield from _short(facts, worst, step, step.policy, facts.name(step.body), f"{step.path}.timeout")
    for source, step, policy, path in facts.client_calls():
        yield from _short(facts, worst, step, policy, source.name, f"{path}.timeout")


def _short(facts: Facts, worst: WorstTime, step: Step, policy: CallPolicy, who: str, path: str) -> Iterator[Finding]:
    if policy.timeout == NEVER:
        return
    bound = worst.body(step.target)
    takes = bound.time + 2 * facts.system.network.latency.mean
    if not bound.timed or bound.cause < 0 or takes <= policy.timeout:
        return
    inner = facts.system.steps[bound.cause]
    callee = facts.name(step.target)
    helps = f"give {who} more than {ms(takes)}" if math.isfinite(takes) else "give the inner call a number of attempts"
    yield Finding(
        "W101", path,
        f"{who} waits {ms(policy.timeout)} for {callee}, which may take {_longer(takes, policy.timeout)}: it calls "
        f"{facts.name(inner.target)} {_spelled(inner.policy)}. The caller gives up while the work goes on",
        f"{helps}, or shorten timeouts and attempts inside {callee}"
        + ("; a `deadline` here says it once for all hops" if step.service >= 0 else ""),
    )


def _longer(takes: float, timeout: int) -> str:
    return f"{ms(takes - timeout)} more" if ms(takes) == ms(timeout) else ms(takes)


def _spelled(policy: CallPolicy) -> str:
    """`up to 3 times, 400ms each, 150ms between`."""
    parts = []
    if policy.retry is not None and policy.retry.attempts != 1:
        tries = policy.retry.attempts
        parts.append("as often as it takes" if tries == UNLIMITED else f"up to {times_word(tries)}")
    if policy.timeout != NEVER:
        parts.append(f"{ms(policy.timeout)} each" if parts else f"with a timeout of {ms(policy.timeout)}")
    if policy.retry is not None and policy.retry.attempts > 1 and policy.retry.backoff:
        parts.append(f"backing off {ms(backoffs(policy.retry, policy.retry.attempts - 1))} in all")
    if policy.deadline != NEVER:
        parts.append(f"within {ms(policy.deadline)}")
    return ", ".join(parts) or "without a limit"


def multiplied_retries(facts: Facts) -> Iterator[Finding]:
    """W102: tries nested in tries."""
    system = facts.system
    best = chains_into(system, facts.flow.order)
    below: dict[int, bool] = {}
    for body in reversed(facts.flow.order):
        below[body] = any(
            _retries(system.steps[i].policy.retry) or below.get(system.steps[i].target, False)
            for i in facts.inside(body) if system.steps[i].verb is Verb.CALL
        )
    for step in facts.calls():
        retry = step.policy.retry
        if retry is None or not _retries(retry) or below.get(step.target, False) or step.body not in facts.reached:
            continue
        link = Link(facts.name(step.body), facts.name(step.target),
                    math.inf if retry.attempts == UNLIMITED else retry.attempts, f"{step.path}.retry")
        chain = Chain((*best[step.body].links, link))
        if len(chain.links) > 1:
            yield _chain_finding(chain)


def _retries(retry: Retry | None) -> bool:
    return retry is not None and retry.attempts != 1 and retry.budget is None


def _chain_finding(chain: Chain) -> Finding:
    sums = " x ".join("unlimited" if math.isinf(k.attempts) else str(int(k.attempts)) for k in chain.links)
    path = ", ".join(f"{k.who} -> {k.whom} {times_word(k.attempts)}" for k in chain.links)
    total = "without end" if math.isinf(chain.product) else f"{sums} = {number(chain.product)} tries"
    last = chain.links[-1]
    return Finding(
        "W102", last.path,
        f"retries multiply along a path: {path}. When {last.whom} fails, one request makes {total} there"
        if math.isfinite(chain.product) else
        f"retries multiply along a path: {path}. When {last.whom} fails, one request tries it {total}",
        "retry at one level only (the one nearest the failure), or give the retries a budget",
    )


def unsafe_retries(facts: Facts) -> Iterator[Finding]:
    """W103: doing it again may do it twice."""
    for step in facts.calls():
        yield from _unsafe(facts, step, step.policy, facts.name(step.body), step.path)
    for source, step, policy, path in facts.client_calls():
        yield from _unsafe(facts, step, policy, source.name, path)


def _unsafe(facts: Facts, step: Step, policy: CallPolicy, who: str, path: str) -> Iterator[Finding]:
    callee = facts.system.bodies[step.target]
    undeclared = not callee.grpc and callee.http in ("", f"POST /{callee.name}")  # the default when nothing is said
    if callee.idempotent or (undeclared and facts.harmless(step.target)):
        return
    retry = policy.retry
    tried = retry is not None and retry.attempts != 1 and not set(retry.on) <= NOTHING_DONE
    if not tried and policy.hedge == NEVER:
        return
    what = callee.http.split(" ")[0] if callee.http else "an endpoint"
    name, key = facts.name(step.target), "retry" if tried else "hedge"
    yield Finding(
        "W103", f"{path}.{key}",
        f"{who} {'retries' if tried else 'hedges'} {name}, {what} not declared idempotent: a try that timed out may "
        "have been done, and is done again",
        f"make {name} safe to repeat (an idempotency key) and say `idempotent: true` there, or do not "
        f"{'retry' if tried else 'hedge'} it",
    )


def no_timeouts(facts: Facts) -> Iterator[Finding]:
    """W104 and W105: a callee that hangs hangs its caller; retries never begin."""
    bare: dict[int, list[Step]] = {}
    for step in facts.calls():
        policy = step.policy
        if not facts.remote(step) or _limited(policy) or step.body in facts.deadlined or step.body not in facts.reached:
            continue
        who, whom = facts.name(step.body), facts.name(step.target)
        if policy.retry is not None and policy.retry.attempts != 1:
            yield Finding(
                "W105", step.path,
                f"{who} retries {whom} but sets no timeout: a try that hangs is never given up, so never repeated",
                "add a `timeout` for each try",
            )
        else:
            bare.setdefault(step.body, []).append(step)
    for body, steps in bare.items():
        who = facts.name(body)
        names = list(dict.fromkeys(facts.name(s.target) for s in steps))
        shown = listed(names if len(names) < 4 else [*names[:2], f"{len(names) - 2} others"])
        yield Finding(
            "W104", steps[0].path,
            f"{who} calls {shown} without a timeout: when {'it hangs' if len(names) == 1 else 'one hangs'}, threads of "
            f"{who} hang with it",
            "add a `timeout`, a little above the slowest answer still of use (`defaults: {calls: {timeout: 1s}}` for "
            "all), or a `deadline` at the entry",
        )
    for source, step, policy, path in facts.client_calls():
        if not _limited(policy) and policy.retry is not None and policy.retry.attempts != 1:
            yield Finding(
                "W105", path,
                f"{source.name} retries {facts.name(step.target)} but sets no timeout: a try that hangs is never given "
                "up, so never repeated",
                "add a `timeout` for each try",
            )


def _limited(policy: CallPolicy) -> bool:
    return policy.timeout != NEVER or policy.deadline != NEVER


def bare_retries(facts: Facts) -> Iterator[Finding]:
    """W106 no backoff, W107 no jitter, W108 no end."""
    for step in facts.calls():
        yield from _bare(step.policy, facts.name(step.body), facts.name(step.target), step.path)
    for source, step, policy, path in facts.client_calls():
        yield from _bare(policy, source.name, facts.name(step.target), path)
    for consumer in facts.system.consumers:
        if consumer.retry.attempts == UNLIMITED:
            channel = facts.system.channels[consumer.channel]
            blocks = " and holds up its partition" if channel.topic else ""
            yield Finding(
                "W108", f"{consumer_path(facts.system, consumer.index)}.retry.attempts",
                f"{facts.name(consumer.body)} redelivers a failed message without end: one that can never succeed "
                f"comes back for ever{blocks}",
                "give it a number of attempts, and the channel a `dead_letter`",
            )


def _bare(policy: CallPolicy, who: str, whom: str, path: str) -> Iterator[Finding]:
    retry = policy.retry
    if retry is None or retry.attempts == 1:
        return
    if retry.attempts == UNLIMITED and policy.deadline == NEVER and retry.budget is None:
        yield Finding(
            "W108", f"{path}.retry.attempts",
            f"{who} retries {whom} without end: while it is down, every request stays and keeps asking",
            "give it a number of attempts, a `deadline` or a `budget`",
        )
    if retry.backoff == 0:
        yield Finding(
            "W106", f"{path}.retry",
            f"{who} retries {whom} at once: the second try meets the same trouble and adds to it",
            "add `backoff: 50ms` or more, with `factor: 2` and `jitter: full`",
        )
    elif retry.jitter == "none":
        yield Finding(
            "W107", f"{path}.retry",
            f"{who} retries {whom} without jitter: all that failed together come back together "
            f"{ms(retry.backoff)} later",
            "add `jitter: full`",
        )


def late_retries(facts: Facts) -> Iterator[Finding]:
    """W109: the deadline is over before the last try begins, even if every try fails at once."""
    for step in facts.calls():
        policy = step.policy
        retry = policy.retry
        if retry is None or policy.deadline == NEVER or retry.attempts in (1, UNLIMITED):
            continue
        if retry.jitter in ("full", "decorrelated"):
            continue
        share = 1.0 if retry.jitter == "none" else 0.5
        done = 1
        while done < min(retry.attempts, 1000) and share * backoffs(retry, done) < policy.deadline:
            done += 1
        if done < retry.attempts:
            yield Finding(
                "W109", f"{step.path}.retry",
                f"of {retry.attempts} attempts at {facts.name(step.target)} at most {done} can begin: after "
                f"{ms(share * backoffs(retry, done))} of backing off the deadline of {ms(policy.deadline)} is over",
                f"set `attempts: {done}`, shorten the backoff or lengthen the deadline",
            )


def hedges(facts: Facts) -> Iterator[Finding]:
    """W110: the loser of a hedge works on."""
    for step in facts.calls():
        if step.policy.hedge != NEVER and step.policy.cancel == "none":
            whom = facts.name(step.target)
            yield Finding(
                "W110", f"{step.path}.hedge",
                f"{facts.name(step.body)} hedges {whom} and lets the loser run on: when {whom} is slow, every request "
                "costs it double, which makes it slower",
                "add `cancel: all` (or `queued`)",
            )


def dead_breakers(facts: Facts, rates: dict[int, float], span: float) -> Iterator[Finding]:
    """W111: a breaker that no failure can open.

    `rates`: tries a second of each call at its most; `span`: the run's length in seconds.
    """
    system = facts.system
    for step in facts.calls():
        breaker = step.policy.breaker
        if breaker is None or step.body not in facts.reached:
            continue
        service = system.services[step.service]
        shared = sum(
            rates.get(i, 0.0) * _most_tries(system.steps[i].policy)
            for b in service.bodies for i in facts.inside(b)
            if system.steps[i].verb is Verb.CALL and system.steps[i].target == step.target
            and system.steps[i].policy.breaker is not None
        )
        per = shared / max(1, service.replicas)
        why = _never_opens(breaker, step.policy.timeout, per, span) if per > 0 else ""
        if why:
            yield Finding(
                "W111", f"{step.path}.circuit_breaker",
                f"the breaker of {facts.name(step.body)} for {facts.name(step.target)} can never open: {why}",
                "lower `minimum_calls`, widen the `window` or use `consecutive`",
            )


def _most_tries(policy: CallPolicy) -> float:
    if policy.retry is None:
        return 1.0
    return math.inf if policy.retry.attempts == UNLIMITED else float(policy.retry.attempts)


def _never_opens(breaker: Breaker, timeout: int, per: float, span: float) -> str:
    """Why not, or an empty string. `per`: calls a second of one replica."""
    if breaker.consecutive > 0:
        if per * span < breaker.consecutive:
            return (f"it needs {breaker.consecutive} failures in a row and one replica makes about "
                    f"{number(per * span)} calls in the whole run")
        return ""
    if breaker.failure_rate > 1 and breaker.slow_rate > 1:
        return "its thresholds lie above 100 %"
    if breaker.failure_rate > 1 and timeout != NEVER and breaker.slow_duration > timeout:
        return f"a call is slow from {ms(breaker.slow_duration)}, but its timeout ends it after {ms(timeout)}"
    if breaker.timed and per * breaker.window / 1e9 < breaker.minimum_calls:
        return (f"it needs {breaker.minimum_calls} calls in {ms(breaker.window)} and one replica makes at most "
                f"about {number(per * breaker.window / 1e9)}, retries included")
    if per * span < breaker.minimum_calls:
        return (f"it needs {breaker.minimum_calls} calls and one replica makes at most about {number(per * span)} "
                "in the whole run, retries included")
    return ""


