"""Bounds of one request, for the API and for its callers."""

from typing import Final

BODY_BYTES_MAX: Final = 1 << 20
BATCH_MAX: Final = 512  # signals in one request
NDJSON: Final = "application/x-ndjson"
