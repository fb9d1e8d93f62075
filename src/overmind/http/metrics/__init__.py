"""Prometheus metrics: what they are, what they are read from, and the route that serves them."""
