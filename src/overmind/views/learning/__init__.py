"""What the learner learned, and what its choices would have been worth, from the journal alone."""
