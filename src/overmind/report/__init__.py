"""How a desk performed, as one page that needs nothing else and as CSV files. `views/performance` has all figures."""
