"""`overmind init`: asks what the new desk is, writes its files all at once or not at all, and says what comes next."""
