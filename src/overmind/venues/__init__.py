"""Where orders are executed: adapters of `ports.Venue`, each held to the promises of `tests/contracts`."""
