"""The door: what comes from outside is a Signal, or a list of everything that is wrong with it."""
