"""The operators' log: one line per decision and outcome, written by threads that the event loop never waits for."""
