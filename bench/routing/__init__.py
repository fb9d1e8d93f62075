"""Choosing wallet and route, measured in simulated worlds: a world says the truth, and every policy chooses in turn.

`python -m bench routing --world FILE.py` runs any file that `bench.routing.world` describes.
"""
