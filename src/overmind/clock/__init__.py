"""Time: the clock of the desk, an event loop that jumps from timer to timer, and instants as people write them."""
