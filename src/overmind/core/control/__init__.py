"""What forbids and allows trading: holds, breakers, the chain's balances, and an operator's changes."""
