"""`overmind preflight`: the checklist before a desk trades, each point tried for real, with its figure and its fix."""
