"""The same engine over a history of prices, and a report of the result."""
