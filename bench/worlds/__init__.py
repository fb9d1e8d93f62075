"""Worlds to choose in: one file each. `bench.routing.world` says what a world is."""
