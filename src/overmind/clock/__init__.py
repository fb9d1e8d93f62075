"""Time: what the desk's clock says, a loop that jumps from timer to timer, and instants as people write them."""
