"""Predict, run, compare: a description simulated, and run for real under the same load, side by side."""
