"""The desk over HTTP, for programs and for the operator's page: docs/http-api.md."""
