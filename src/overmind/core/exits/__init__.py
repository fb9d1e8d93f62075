"""What is to be sold, and how."""
