"""The desk over HTTP, on the loopback address: docs/http-api.md."""
