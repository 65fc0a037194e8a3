"""Servers that `msforge up --with` starts beside the services: brokers, databases, a Prometheus.

`server.py` says what a kind of server is, a file each implements one, `known.py` lists them, `hosted.py` runs them.
"""
