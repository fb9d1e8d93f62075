"""States that are kept close together beside the journal, so that an old decision is explained from one nearby."""
