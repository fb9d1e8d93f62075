"""The chain itself: nodes, transactions, tokens. Knows nothing of orders, desks or journals."""
