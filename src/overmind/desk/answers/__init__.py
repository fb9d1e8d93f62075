"""Tells each source what became of its signals, from the journal and beside trading. Nothing here changes the desk."""
