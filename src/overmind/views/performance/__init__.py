"""How a desk performed in a time: pure functions from the entries of its journal to figures. No decision uses them."""
