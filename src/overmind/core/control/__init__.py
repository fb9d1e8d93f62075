"""What forbids and allows: holds, breakers, the chain's balances, and an operator's changes."""
