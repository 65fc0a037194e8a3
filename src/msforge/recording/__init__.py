"""What a run leaves behind: Records, and the aggregates and gauges that fill them, simulated or measured."""
