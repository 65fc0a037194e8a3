"""One or more distributions of every kind, small and awkward ones among them."""

from __future__ import annotations

from msforge.policies.distributions import KINDS, Dist

EXAMPLES: dict[str, Dist] = {
    "constant": Dist("constant", (5e6,)),
    "constant zero": Dist("constant", (0.0,)),
    "exponential": Dist("exponential", (5e6,)),
    "uniform": Dist("uniform", (2e6, 8e6)),
    "normal": Dist("normal", (5e6, 1e6)),
    "normal much cut": Dist("normal", (1e6, 2e6)),
    "normal never cut": Dist("normal", (2e7, 1e6)),
    "lognormal": Dist("lognormal", (15.4, 0.8)),
    "lognormal wide": Dist("lognormal", (10.0, 2.0)),
    "gamma": Dist("gamma", (2.5, 2e6)),
    "gamma below one": Dist("gamma", (0.4, 1e7)),
    "gamma one": Dist("gamma", (1.0, 3e6)),
    "erlang": Dist("erlang", (3.0, 6e6)),
    "erlang many": Dist("erlang", (40.0, 6e6)),
    "pareto": Dist("pareto", (2e6, 4.5)),
    "weibull": Dist("weibull", (5e6, 0.8)),
    "weibull steep": Dist("weibull", (5e6, 3.0)),
    "hyperexponential": Dist("hyperexponential", (0.9, 2e6, 0.1, 4e7)),
    "empirical": Dist("empirical", (1e6, 2e6, 2e6, 7e6, 3e7)),
    "mixture": Dist("mixture", (0.9, 0.1), (Dist("exponential", (2e6,)), Dist("lognormal", (17.0, 0.3)))),
    "mixture nested": Dist(
        "mixture",
        (0.5, 0.3, 0.2),
        (Dist("mixture", (1.0, 3.0), (Dist("uniform", (0.0, 1e6)), Dist("gamma", (0.7, 1e6)))),
         Dist("erlang", (2.0, 1e6)), Dist("exponential", (9e6,))),
    ),
    "zipf": Dist("zipf", (1000.0, 1.1)),
    "zipf flat": Dist("zipf", (7.0, 0.0)),
    "delayed": Dist("delayed", (1e5, 2e5, 9e5), (Dist("gamma", (2.5, 2e6)),)),
    "delayed constant": Dist("delayed", (1e5, 2e5), (Dist("constant", (5e6,)),)),
}  # fmt: skip
CONTINUOUS = [
    name for name, dist in EXAMPLES.items()
    if dist.kind not in ("constant", "empirical", "zipf") and name != "delayed constant"
]
assert {dist.kind for dist in EXAMPLES.values()} == set(KINDS)
