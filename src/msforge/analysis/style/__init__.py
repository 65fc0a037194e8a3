"""Is it time for microservices? How many deployables the numbers ask for, and how many they allow.

No scores and no weights: each comparison is a formula that gives a number of deployables (docs/advise.md).
"""
