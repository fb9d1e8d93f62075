"""Text from outside: names that JSON gives twice, characters that nobody sees, and how both are shown."""
