"""Places to try the desk in: an embedded chain, a swap server, the demo, the self-test. The desk never imports them."""
