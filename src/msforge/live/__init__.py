"""Runs the generated services of a description for real, on this machine, and sends them the file's traffic."""
