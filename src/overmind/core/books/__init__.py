"""What the journal comes to: the state, and the fold that makes it."""
