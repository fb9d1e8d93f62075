"""What each view of the operator's page shows: pure functions from the books to rows that a template lays out."""
