"""Pure functions from the books to what people and programs read."""
