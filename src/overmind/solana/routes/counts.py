"""What a route was asked to carry since the start, for metrics. No decision reads it."""

from __future__ import annotations

import msgspec


class RouteCounts(msgspec.Struct):
    sent: int = 0  # requests that were accepted
    refused: int = 0  # requests that were not accepted or not answered
    waited: int = 0  # requests that waited for the rate limit
    limited: int = 0  # answers that said: too many requests


class LandingCounts(msgspec.Struct):
    """What became of the transactions of a route, by the chain."""

    landed: int = 0
    expired: int = 0  # proved never to land
