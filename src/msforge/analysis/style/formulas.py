"""The formulas behind the advice, each with its source. Pure; times in any one unit."""

from __future__ import annotations

import math

from msforge.analysis.queueing import erlang_b

WAITS = 0.2
"""Share of requests that may wait for a core where cores are counted."""
FEWEST = 2
"""Cores of any deployable: one replica is none when it restarts."""
PIPELINE_FULL = 2 / 3
"""Use of a deployment pipeline at which a change waits on average as long as its own deployment takes."""


def pairs(people: int) -> int:
    """Pairs of people who may have to talk: n(n - 1)/2. Brooks, The Mythical Man-Month, 1975, chapter 2."""
    return people * (people - 1) // 2


def pairs_in_teams(people: int, teams: int) -> int:
    """Pairs inside teams of (nearly) equal size, and one between any two teams."""
    size, larger = divmod(people, teams)
    return larger * pairs(size + 1) + (teams - larger) * pairs(size) + pairs(teams)


def pipeline_wait(use: float) -> float:
    """Mean wait for a pipeline with this use, in deployments: use / (2 (1 - use)), which is 1 at use 2/3.

    M/D/1: changes come at random, one deployment takes as long as the next. Pollaczek 1930, Khinchine 1932.
    """
    return math.inf if use >= 1 else use / (2 * (1 - use))


def pipelines(deploys: float, each: float, day: float) -> int:
    """Pipelines so that a change waits on average no longer than its own deployment takes."""
    return max(1, math.ceil(deploys * each / day / PIPELINE_FULL - 1e-9))


def cores(busy: float) -> int:
    """Least number of cores, at least two, at which one request in five waits (Erlang C) for `busy` cores' work.

    What more than `busy` it takes grows with its root: small pools need more spare than one large one.
    Erlang 1917; Halfin and Whitt 1981.
    """
    enough = max(FEWEST, math.floor(busy) + 1)
    blocked = erlang_b(enough, busy)
    while blocked / (1 - busy / enough * (1 - blocked)) > WAITS:
        enough += 1
        blocked = busy * blocked / (enough + busy * blocked)
    return enough


def in_series(each: float, parts: int) -> float:
    """Availability of a request that needs `parts` parts, which fail on their own: each ** parts.

    Trivedi, Probability and Statistics with Reliability; Treynor et al., The Calculus of Service Availability, 2017.
    """
    return float(each**parts)


def most_in_series(each: float, target: float) -> int:
    """The most parts in series with which the target holds: log(target) / log(each), rounded down."""
    return math.floor(math.log(target) / math.log(each) + 1e-9)


def most_hops(budget: float, alone: float, hop: float) -> int:
    """Calls in a row that fit into what a budget leaves; -1 when it is used up without any."""
    left = budget - alone
    return -1 if left < 0 else math.floor(left / hop + 1e-9)
