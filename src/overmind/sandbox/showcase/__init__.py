"""The demo's shop window: what its traders send, and what came of it. It reads the desk, and never steers it."""
