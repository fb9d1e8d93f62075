"""Measurements, never tests: `make bench` prints them, and writes bench.json."""
