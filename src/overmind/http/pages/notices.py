"""What a form came to, for the page that the browser is sent back to. Only its own user reads it, once it is asked."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Final

from overmind.core.model.value import Value

NOTICES_MAX: Final = 256
KEY_BYTES: Final = 12


class Notice(Value, frozen=True):
    text: str
    fix: str = ""
    is_error: bool = False


class Notices:
    """Kept by a key that is in the address: so nothing that somebody writes into an address is shown as a notice."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, Notice]] = OrderedDict()

    def keep(self, user: str, notice: Notice) -> str:
        """Returns its key."""
        key = secrets.token_urlsafe(KEY_BYTES)
        self._kept[key] = user, notice
        while len(self._kept) > NOTICES_MAX:
            self._kept.popitem(last=False)
        return key

    def of(self, user: str, key: str) -> Notice | None:
        owner, notice = self._kept.get(key, ("", None))
        return notice if owner == user else None
