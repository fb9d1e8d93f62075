"""Price feeds: each token's current price for the desk."""
