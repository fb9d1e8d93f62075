"""The rows of the reference, a module per topic. A route of the API that has no row fails a test."""

from __future__ import annotations

from typing import Final

from overmind.http.reference.topics.access import ACCESS
from overmind.http.reference.topics.books import BOOKS
from overmind.http.reference.topics.capital import CAPITAL
from overmind.http.reference.topics.holds import HOLDS
from overmind.http.reference.topics.hooks import HOOKS
from overmind.http.reference.topics.limits import LIMITS
from overmind.http.reference.topics.past import PAST
from overmind.http.reference.topics.positions import POSITIONS
from overmind.http.reference.topics.service import SERVICE
from overmind.http.reference.topics.signals import SIGNALS

TOPICS: Final = (SIGNALS, HOOKS, BOOKS, PAST, HOLDS, POSITIONS, CAPITAL, LIMITS, ACCESS, SERVICE)
