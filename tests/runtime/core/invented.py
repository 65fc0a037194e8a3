"""Random descriptions: a few services that call each other under random policies, cores, faults and distributions."""

from __future__ import annotations

from random import Random
from typing import Any

TIMES = ("exponential(20ms)", "lognormal(median=10ms p99=90ms)", "uniform(3ms 41ms)", "gamma(mean=15ms cv=1.4)",
         "weibull(scale=12ms shape=0.8)", "mixture(90% exponential(8ms) 10% 120ms)", "erlang(k=3 mean=18ms)", "17ms",
         "normal(20ms 7ms)", "hyperexponential(80% 5ms 20% 60ms)")


class Invention:
    """One description, from one seed."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.names = ["a", "b", "c", "d"]
        self.system = self.make()

    def chance(self, p: float) -> bool:
        return self.dice.random() < p

    def make(self) -> dict[str, Any]:
        """The whole description."""
        dice = self.dice
        services = {name: self.service(i) for i, name in enumerate(self.names)}
        times = sorted({f"{dice.randrange(0, 4_000_000)}us" for _ in range(dice.randint(20, 60))},
                       key=lambda t: int(t[:-2]))
        half = len(times) // 2
        traffic: dict[str, Any] = {"one": {"target": "a.go", "at": times[:half]}}
        traffic["two"] = {"target": "a.two", "at": times[half:], "timeout": f"{dice.randint(20, 400)}ms"}
        if self.chance(0.5):
            traffic["two"]["retry"] = self.retry()
        system: dict[str, Any] = {
            "msforge": 1, "name": "invented", "services": services, "traffic": traffic,
            "simulation": {"duration": "300s", "seed": dice.randrange(1000), "drain": "600s"},
        }
        # drawn latencies keep requests from meeting at the same nanosecond, where only the order of events would decide
        system["network"] = {"latency": dice.choice(("exponential(1ms)", "lognormal(median=0.3ms p99=2ms)"))}
        faults = [fault for fault in (self.fault() for _ in range(dice.randint(0, 3))) if fault]
        if faults:
            system["faults"] = faults
        return system

    def service(self, level: int) -> dict[str, Any]:
        dice = self.dice
        service: dict[str, Any] = {
            "replicas": dice.randint(1, 3),
            "endpoints": {name: {"steps": self.steps(level, 0)} for name in ("go", "two")},
        }
        if self.chance(0.4):
            service["threads"] = dice.choice((1, 2, 4, "unlimited"))
        if self.chance(0.4):
            service["queue"] = dice.choice((0, 2, {"capacity": 5, "discipline": "lifo"},
                                            {"capacity": 9, "discipline": "priority"}))
        if self.chance(0.4):
            service["cpu"] = dice.choice((1, 2, 0.5, {"cores": 1, "scheduling": "fifo"},
                                          {"cores": 2, "scaling": {"contention": 0.1, "coherency": 0.01}}))
        if self.chance(0.5):
            service["balance"] = dice.choice(("round_robin", "random", "least_connections", "power_of_two"))
        if self.chance(0.3):
            service["balancer"] = "client"
        if self.chance(0.2):
            service["rate_limit"] = {"rate": "20/s", "burst": dice.randint(1, 5)}
        return service

    def steps(self, level: int, depth: int) -> list[dict[str, Any]]:
        return [self.step(level, depth) for _ in range(self.dice.randint(1, 3 if depth == 0 else 2))]

    def step(self, level: int, depth: int) -> dict[str, Any]:
        dice = self.dice
        kinds = ["work", "wait", "wait", "fail"]
        if level < len(self.names) - 1:
            kinds += ["call"] * 5
        if depth < 2:
            kinds += ["choose", "repeat", "saga"]
        if depth == 0:  # one in another would start breadth first, the simulator starts depth first: a tie
            kinds += ["parallel", "copies"]
        match dice.choice(kinds):
            case "work":
                return {"work": dice.choice(TIMES)}
            case "fail":
                fail = {"fail": "12%", **({"status": 404} if self.chance(0.3) else {})}
                return {"repeat": 1, "steps": [{"wait": dice.choice(TIMES)}, fail]}
            case "call":
                return self.call(dice.choice(self.names[level + 1:]), dice.choice(("go", "two")), level, depth)
            case "parallel":
                branches = [{"steps": self.steps(level, depth + 1)} for _ in range(dice.randint(2, 3))]
                return {"parallel": branches, **({"need": dice.choice(("any", 2))} if self.chance(0.5) else {})}
            case "copies":
                return {"parallel": dice.randint(2, 4), "steps": self.steps(level, depth + 1),
                        **({"need": 2} if self.chance(0.4) else {})}
            case "choose":
                return {"choose": [{"weight": w, "steps": self.steps(level, depth + 1)} for w in (2, 3)]}
            case "repeat":
                return {"repeat": dice.choice((2, 3, "uniform(0 4)")), "steps": self.steps(level, depth + 1)}
            case "saga":
                return {"saga": [{"do": self.step(level, 2), "undo": self.step(level, 2)} for _ in range(3)]}
            case _:
                return {"wait": dice.choice(TIMES)}

    def call(self, service: str, endpoint: str, level: int, depth: int) -> dict[str, Any]:
        dice = self.dice
        call: dict[str, Any] = {"call": f"{service}.{endpoint}"}
        if self.chance(0.6):
            call["timeout"] = f"{dice.randint(20, 150)}ms"
        if self.chance(0.3):
            call["deadline"] = f"{dice.randint(150, 400)}ms"
        if self.chance(0.4):
            call["cancel"] = dice.choice(("queued", "all"))
        if self.chance(0.5):
            call["retry"] = self.retry()
        if self.chance(0.3):
            call["circuit_breaker"] = {"failure_rate": "40%", "window": 6, "minimum_calls": 4,
                                       "open_for": f"{dice.randint(50, 300)}ms", "trial_calls": dice.randint(1, 3)}
        if self.chance(0.2):
            call["bulkhead"] = dice.randint(1, 4)
        if self.chance(0.25):
            call["hedge"] = {"after": f"{dice.randint(2, 19)}ms"}
        if self.chance(0.15):
            call["throttle"] = {"k": 1.2, "window": "2s"}
        if self.chance(0.2):
            call["priority"] = 2
        if self.chance(0.25) and depth < 2:
            call["fallback"] = {"steps": self.steps(level, 2)}
        return call

    def retry(self) -> dict[str, Any]:
        dice = self.dice
        retry: dict[str, Any] = {"attempts": dice.randint(2, 4), "backoff": f"{dice.randint(1, 30)}ms",
                                 "jitter": dice.choice(("none", "full", "equal", "decorrelated"))}
        if self.chance(0.4):
            retry["budget"] = dice.choice(({"kind": "ratio", "ratio": 0.3, "burst": 3},
                                           {"kind": "grpc", "max_tokens": 6, "token_ratio": 0.5}))
        return retry

    def fault(self) -> dict[str, Any]:
        dice = self.dice
        service = dice.choice(self.names)
        when = {"at": f"{dice.randrange(100, 3000)}ms", "for": f"{dice.randrange(100, 1500)}ms"}
        match dice.choice(("slow", "slow", "fail", "pause", "cut", "delay", "drop", "crash")):
            case "slow":
                return {"slow": service, **({"by": "3x"} if self.chance(0.6) else {"add": "exponential(30ms)"}), **when}
            case "fail":
                return {"fail": f"{service}.go", "rate": "40%", **when}
            case "pause":
                return {"pause": service, **when}
            case "crash":
                return {"crash": service, **({"replicas": 1} if self.chance(0.5) else {}), **when}
            case link:
                i = dice.randrange(len(self.names) - 1)
                ends = f"{self.names[i]} -> {dice.choice(self.names[i + 1:])}"
                more = {"add": "exponential(20ms)"} if link == "delay" else {"rate": "30%"} if link == "drop" else {}
                return {link: ends, **more, **when}
