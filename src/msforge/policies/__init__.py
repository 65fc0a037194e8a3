"""Policies: retry, backoff, breaker, budget, bucket, bulkhead, throttle, autoscaler, and keyed draws.

Standard library only, integer state, `now` an argument (ns): the simulator runs these machines
and generated services run the same source.
"""
