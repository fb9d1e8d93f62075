"""The base of every value."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, gc=False):
    """Base of every value: immutable, comparable, serialisable."""
