"""`overmind sweep`: reads what varies, has every run played, and tells what they came to."""
