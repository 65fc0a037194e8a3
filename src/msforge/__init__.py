"""msforge: describe, simulate and understand microservices."""
