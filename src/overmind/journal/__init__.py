"""The list of facts on disk: hash-chained entries in SQLite, snapshots, and the lock of the one writer."""
