"""Predict, run, compare: a description simulated and run for real under the same load, and the two laid side by side."""
