"""The books: the state of the portfolio, and the functions that fold the journal into it."""
