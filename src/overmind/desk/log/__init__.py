"""The operators' log: one line per decision and outcome, written by threads that the event loop never waits for.

Whoever imports a module of this room has set up the loggers of the whole package: they say nothing until a program asks
for its log.
"""

from overmind.desk.log.setup import configure_logging, stop_logging

__all__ = ["configure_logging", "stop_logging"]
