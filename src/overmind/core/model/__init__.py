"""Values: wallets, orders, outcomes, and the commands and events that carry them."""
