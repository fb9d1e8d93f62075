"""One running desk: the engine, the executor, and the watchers that turn the world into commands."""
