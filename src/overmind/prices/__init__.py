"""Price feeds: what the desk believes a token costs now."""
