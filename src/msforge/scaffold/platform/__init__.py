"""What a platform team expects beside the services: compose, Kubernetes, Prometheus, Grafana, CI; data for templates.

`context` gathers it, `wiring` says how services reach servers, `rules` turns objectives into Prometheus' rules,
`dashboards` draws Grafana's panels. What is written stands in `templates/platform` and `templates/deployment`.
"""
