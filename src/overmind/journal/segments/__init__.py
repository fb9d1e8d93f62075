"""Old entries in sealed files: how they are made, kept, read and archived."""
