"""Sends a description's own traffic to the system that runs: the same requests, at the same times, as the simulator."""
