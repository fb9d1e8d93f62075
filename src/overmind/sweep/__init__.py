"""Many backtests whose settings vary. Each run is one task with one small result, and any executor may play it."""
