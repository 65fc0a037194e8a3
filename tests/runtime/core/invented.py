"""Random descriptions: services, random policies around their calls, stores, caches, channels, zones, faults."""

from __future__ import annotations

from random import Random
from typing import Any

TIMES = ("exponential(20ms)", "lognormal(median=10ms p99=90ms)", "uniform(3ms 41ms)", "gamma(mean=15ms cv=1.4)",
         "weibull(scale=12ms shape=0.8)", "mixture(90% exponential(8ms) 10% 120ms)", "erlang(k=3 mean=18ms)", "17ms",
         "normal(20ms 7ms)", "hyperexponential(80% 5ms 20% 60ms)")
QUICK = ("exponential(4ms)", "uniform(1ms 9ms)", "lognormal(median=2ms p99=20ms)", "erlang(k=2 mean=6ms)")
SERVICES = ("a", "b", "c", "d")
TOGETHER = ("calls", "data", "messages", "clients", "zones")
"""What a description may be about besides services and calls; all of it now and then."""


class Invention:
    """One description, from one seed."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.about = set(TOGETHER) if self.chance(0.2) else set(self.dice.sample(TOGETHER, 2))
        # a relay dies with its replica, in the simulator it does not: no outboxes where replicas die
        self.mortal = self.chance(0.7)
        self.stores = ("db", "slowdb") if "data" in self.about else ()
        self.channels = ("jobs", "news") if "messages" in self.about else ()
        self.system = self.make()

    def chance(self, p: float) -> bool:
        return self.dice.random() < p

    def ms(self, least: int, most: int) -> str:
        """A duration between two of so many ms."""
        return f"{self.dice.randint(least * 1000, most * 1000)}us"

    def make(self) -> dict[str, Any]:
        """The whole description."""
        dice = self.dice
        services = {name: self.service(i) for i, name in enumerate(SERVICES)}
        system: dict[str, Any] = {"msforge": 1, "name": "invented", "services": services}
        if self.stores:
            system["stores"] = self.some_stores()
        if self.channels:
            system["channels"] = self.some_channels()
            services["w"] = self.consuming("w", "jobs")
            services["v"] = self.consuming("v", "news")
            services["d"]["consumers"] = {"also": self.consumer("news", 3)}
            if self.chance(0.4):
                services["w"]["consumers"]["buried"] = self.consumer("dead", 3)
        system["traffic"] = self.traffic()
        # drawn latencies keep requests from meeting at the same nanosecond, where only the order of events would decide
        system["network"] = {"latency": dice.choice(("exponential(1ms)", "lognormal(median=0.3ms p99=2ms)"))}
        if "zones" in self.about:
            self.spread_over_zones(system)
        faults = [fault for fault in (self.fault(system) for _ in range(dice.randint(0, 5))) if fault]
        if faults:
            system["faults"] = faults
        system["simulation"] = {"duration": "300s", "seed": dice.randrange(1000), "drain": "600s"}
        return system

    # -- services ----------------------------------------------------------------------------

    def service(self, level: int) -> dict[str, Any]:
        dice = self.dice
        service: dict[str, Any] = {
            "replicas": dice.randint(1, 3),
            "endpoints": {name: {"steps": self.steps(level, 0)} for name in ("go", "two")},
        }
        if self.chance(0.3):  # a call in place, never round in circles
            service["endpoints"]["go"]["steps"].append(self.call(SERVICES[level], "two", level, 2))
        if self.chance(0.3):
            service["endpoints"]["two"]["idempotent"] = True
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
        if self.chance(0.3):
            service["startup"] = "uniform(10ms 200ms)"
        if self.chance(0.3):
            service["detect"] = self.ms(5, 200)
        if level == len(SERVICES) - 1 and self.chance(0.3):
            service["external"] = True
        return service

    def consuming(self, name: str, channel: str) -> dict[str, Any]:
        service: dict[str, Any] = {"replicas": self.dice.randint(1, 3),
                                   "consumers": {"take": self.consumer(channel, 2)}}
        if self.chance(0.3):
            service["cpu"] = self.dice.choice((1, 0.5))
        if self.chance(0.3):
            service["startup"] = "uniform(10ms 200ms)"
        return service

    def consumer(self, channel: str, level: int) -> dict[str, Any]:
        dice = self.dice
        quiet, self.channels = self.channels, ()  # messages that bring forth messages would never end
        consumer: dict[str, Any] = {"from": channel, "steps": self.steps(level, 1)}
        self.channels = quiet
        if self.chance(0.6):
            consumer["threads"] = dice.choice((1, 2, 3, "unlimited"))
        if self.chance(0.4) and consumer.get("threads") != "unlimited":
            consumer["prefetch"] = dice.randint(3, 5)
        if self.chance(0.6):
            consumer["retry"] = {"attempts": dice.randint(2, 4), "backoff": self.ms(1, 60),
                                 "jitter": dice.choice(("none", "full", "equal", "decorrelated"))}
        if self.chance(0.3):
            consumer["idempotent"] = True
        return consumer

    # -- stores, channels, zones -----------------------------------------------------------------

    def some_stores(self) -> dict[str, Any]:
        dice = self.dice
        return {
            "db": {"connections": dice.choice((1, 2, 5)), "read": dice.choice(QUICK), "write": dice.choice(QUICK)},
            "slowdb": {"connections": dice.choice((2, "unlimited")), "read": dice.choice(TIMES),
                       "write": dice.choice(TIMES)},
            "quick": {"kind": "redis", "connections": dice.choice((1, 3, 20)), "read": dice.choice(QUICK)},
        }

    def some_channels(self) -> dict[str, Any]:
        dice = self.dice
        jobs: dict[str, Any] = {"publish": dice.choice(QUICK), "relay": self.ms(20, 200)}
        if self.chance(0.4):
            jobs["max_length"] = dice.randint(1, 4)
            jobs["overflow"] = dice.choice(("drop_head", "reject_publish"))
        news: dict[str, Any] = {"kind": "topic", "publish": dice.choice(QUICK), "partitions": dice.randint(1, 4),
                                "rebalance": dice.choice(("0s", self.ms(10, 300))), "relay": self.ms(20, 200)}
        for channel in (jobs, news):
            if self.chance(0.5):
                channel["dead_letter"] = "dead"
        return {"jobs": jobs, "news": news, "dead": {}}

    def spread_over_zones(self, system: dict[str, Any]) -> None:
        """Somewhere for everything to stand."""
        zones = ["north", "south"]
        for service in system["services"].values():
            if self.chance(0.7):
                service["zones"] = zones if self.chance(0.6) else [self.dice.choice(zones)]
        system["services"]["a"]["zones"] = zones
        for part in (*system.get("stores", {}).values(), *system.get("channels", {}).values()):
            if self.chance(0.6):
                part["zone"] = self.dice.choice(zones)
        if self.chance(0.7):
            system["network"]["between_zones"] = {"latency": self.dice.choice(QUICK)}

    # -- traffic -----------------------------------------------------------------------------

    def traffic(self) -> dict[str, Any]:
        dice = self.dice
        times = sorted({f"{dice.randrange(0, 4_000_000)}us" for _ in range(dice.randint(20, 60))},
                       key=lambda t: int(t[:-2]))
        half = len(times) // 2
        traffic: dict[str, Any] = {"one": {"target": "a.go", "at": times[:half]}}
        traffic["two"] = {"target": "a.two", "at": times[half:], "timeout": self.ms(20, 400)}
        if self.chance(0.5):
            traffic["two"]["retry"] = self.retry()
        if self.chance(0.3):
            traffic["two"]["priority"] = 2
        if "clients" in self.about:
            traffic["users"] = {"users": dice.randint(1, 5), "think": "exponential(300ms)", "for": "5s",
                                "journey": self.journey(), "timeout": self.ms(100, 900)}
            if self.chance(0.4):
                traffic["users"]["start"] = self.ms(0, 900)
            if self.chance(0.3):
                traffic["users"]["count"] = dice.randint(1, 9)
            traffic["visitors"] = {"rate": "3/s", "for": "4s", "journey": self.journey(), "think": "exponential(50ms)",
                                   "retry": self.retry()}
            traffic["mix"] = {"rate": "3/s", "for": "3s", "target": [{"weight": 2, "target": "a.go"},
                                                                     {"weight": 1, "target": "b.two"}]}
        return traffic

    def journey(self) -> list[Any]:
        dice = self.dice
        items = ["a.go", {"target": "a.two", "continue": True}, {"think": "uniform(1ms 90ms)"},
                 {"choose": [{"weight": 1, "journey": ["b.go", "a.two"]}, {"weight": 2}]},
                 {"repeat": "uniform(0 3)", "journey": [{"target": "b.two", "continue": self.chance(0.5)}]},
                 {"target": "b.go", "timeout": "70ms", "think": "40ms"}]
        return ["a.two", *dice.sample(items, dice.randint(1, 4))]

    # -- steps -------------------------------------------------------------------------------

    def steps(self, level: int, depth: int) -> list[dict[str, Any]]:
        return [self.step(level, depth) for _ in range(self.dice.randint(1, 3 if depth == 0 else 2))]

    def step(self, level: int, depth: int) -> dict[str, Any]:
        dice = self.dice
        kinds = ["work", "wait", "wait", "fail"]
        if level < len(SERVICES) - 1:
            kinds += ["call"] * 5
        if depth < 2:
            kinds += ["choose", "repeat", "saga", "parallel", "copies"]
        kinds += ["read", "write", "cached"] * bool(self.stores)
        kinds += ["publish", "publish"] * (bool(self.channels) and level < 2)
        match dice.choice(kinds):
            case "work":
                return {"work": dice.choice(TIMES)}
            case "fail":
                fail = {"fail": "12%", **({"status": 404} if self.chance(0.3) else {})}
                if self.chance(0.1):
                    fail = {"fail": "4%", "kind": "crash"}
                return {"repeat": 1, "steps": [{"wait": dice.choice(TIMES)}, fail]}
            case "call":
                return self.call(dice.choice(SERVICES[level + 1:]), dice.choice(("go", "two")), level, depth)
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
            case "read" | "write" as verb:
                return {verb: dice.choice(self.stores), **({"timeout": self.ms(4, 90)} if self.chance(0.4) else {})}
            case "cached":
                return {"read": dice.choice(self.stores), "cache": self.cache(),
                        **({"timeout": self.ms(4, 90)} if self.chance(0.4) else {})}
            case "publish":
                return self.publish()
            case _:
                return {"wait": dice.choice(TIMES)}

    def cache(self) -> dict[str, Any]:
        dice = self.dice
        if self.chance(0.3):
            return {"store": "quick", "hit": "60%"}
        cache: dict[str, Any] = {"store": "quick", "keys": "uniform(1 12)", "single_flight": self.chance(0.6)}
        if self.chance(0.5):
            cache["capacity"] = dice.randint(1, 8)
        if self.chance(0.5):
            cache["ttl"] = self.ms(50, 900)
        return cache

    def publish(self) -> dict[str, Any]:
        dice = self.dice
        step: dict[str, Any] = {"publish": dice.choice(self.channels)}
        if step["publish"] == "news" and self.chance(0.6):
            step["key"] = "uniform(0 9)"
        if self.chance(0.3) and not self.mortal:
            step["outbox"] = True
        elif self.chance(0.3):
            step["timeout"] = self.ms(3, 30)
        return step

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
            call["circuit_breaker"] = dice.choice((
                {"failure_rate": "40%", "window": 6, "minimum_calls": 4, "open_for": self.ms(50, 300),
                 "trial_calls": dice.randint(1, 3)},
                {"consecutive": 3, "open_for": self.ms(50, 300), "trial_calls": dice.randint(1, 3)},
                {"failure_rate": "60%", "slow_call": {"rate": "50%", "duration": self.ms(5, 50)}, "window": "900ms",
                 "minimum_calls": 3, "open_for": self.ms(50, 300)},
            ))
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
                                           {"kind": "ratio", "ratio": 0.1, "burst": 1, "minimum": "1/s"},
                                           {"kind": "grpc", "max_tokens": 6, "token_ratio": 0.5}))
        return retry

    # -- faults ------------------------------------------------------------------------------

    def fault(self, system: dict[str, Any]) -> dict[str, Any] | None:
        dice = self.dice
        service = dice.choice([*system["services"]])
        target = dice.choice((service, service, *system.get("stores", ())))
        on_store = target in system.get("stores", ())
        when = {"at": self.ms(100, 3000), "for": self.ms(100, 1500)}
        if self.chance(0.25):
            when = {"every": "exponential(2s)", "for": "exponential(300ms)"}
        some = {"replicas": dice.choice((1, 2, "each" if "every" in when else 1))}
        if on_store or self.chance(0.7):
            some = {}
        match dice.choice(("slow", "slow", "fail", "fail", "pause", "cut", "delay", "drop", "crash", "crash", "zone")):
            case "slow":
                slow = {"by": "3x"} if self.chance(0.6) else {"add": "exponential(30ms)"}
                if not on_store and self.chance(0.3) and "endpoints" in system["services"][service]:
                    target = f"{service}.two"
                return {"slow": target, **slow, **when, **some}
            case "fail":
                if not on_store and self.chance(0.5) and "endpoints" in system["services"][service]:
                    target = f"{service}.go"
                more = {"kind": "crash", "rate": "5%"} if self.chance(0.15) and self.mortal and not on_store else {
                    "status": dice.choice((500, 404))}
                return {"fail": target, "rate": "40%", **more, **when, **some}
            case "pause":
                return {"pause": target, **when, **some}
            case "crash":
                return {"crash": service, **some, **when} if self.mortal else None
            case "zone":
                zone = {"zone": dice.choice(("north", "south")), **when}
                return zone if "zones" in self.about and self.mortal else None
            case link:
                more = {"add": "exponential(20ms)"} if link == "delay" else {"rate": "30%"} if link == "drop" else {}
                return {link: self.ends(system, link), **more, **when}

    def ends(self, system: dict[str, Any], kind: str) -> str:
        """Two parties with something between them."""
        dice = self.dice
        i = dice.randrange(len(SERVICES) - 1)
        ways = [f"{SERVICES[i]} -> {dice.choice(SERVICES[i + 1:])}", "clients -> a"]
        ways += [f"{SERVICES[i]} -> {dice.choice([*system['stores']])}"] if self.stores else []
        if self.channels:
            ways.append(f"{SERVICES[i]} -> {dice.choice(self.channels)}")
            ways += [dice.choice(("jobs -> w", "news -> v", "news -> d"))] if kind == "cut" else []
        return dice.choice(ways)
