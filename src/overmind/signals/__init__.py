"""Decodes and validates what comes from outside: a Signal, or a list of everything that is wrong with it."""
