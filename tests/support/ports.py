"""Free ports for services that tests start."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

PORT_FIRST: Final = 20_000
PORT_LAST: Final = 32_000


def free_ports(count: int) -> list[int]:
    """Each with a free one above it, because a localnet takes a pair.

    They are below those that the system gives to others, so none of them is taken before its service starts.
    """
    found: list[int] = []
    for port in range(PORT_FIRST + os.getpid() % 1_000 * 2, PORT_LAST, 2):
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            found.append(port)
        if len(found) == count:
            break
    return found
