"""Backups of a journal: a folder that was verified before it got its name, and the way back from it."""
