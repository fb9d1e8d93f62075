"""The pure core: values, the journal's vocabulary, and the state machine.

Rule 1: everything that decides about money lives here.
Rule 2: nothing here waits, reads a clock, draws a random number, logs, or does IO.
"""
