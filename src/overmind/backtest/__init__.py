"""The same engine over history, and what came of it."""
