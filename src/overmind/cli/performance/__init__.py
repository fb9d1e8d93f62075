"""Commands that tell how a desk performed: each folds a journal from its first entry on."""
