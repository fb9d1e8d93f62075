"""Which connections stay open. Those that have shown no token have few places and little time, and never take the
places of those that have."""

from __future__ import annotations

import resource
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import structlog
import uvicorn

CONNECTIONS_MAX: Final = 1_024
ANONYMOUS_MAX: Final = 256  # of all peers together
PEER_SHARE: Final = 0.75  # of the places for anonymous connections, for one peer
DESCRIPTORS_WANTED: Final = 4_096
DESCRIPTORS_RESERVED: Final = 512  # for the journal, the log, the venue, the chain, and connections about to close
HEAD_S: Final = 5.0  # to send the whole head of a request
STALL_S: Final = 10.0  # how long a client may leave a response unread
IDLE_S: Final = 60  # between two requests
ANONYMOUS_IDLE_S: Final = 5
TOLD_EVERY_S: Final = 60.0  # A flood must not fill the log.
CONNECTION: Final = "connection"  # its name in the state of a request's scope

log = structlog.get_logger("http")


class Connection(Protocol):
    @property
    def peer(self) -> str: ...

    @property
    def idle(self) -> bool:
        """Nothing is asked, and everything is answered."""
        ...

    def abort(self) -> None: ...


class Connections:
    """All open connections. One is anonymous until it has sent a request with the right token."""

    def __init__(self, most: int) -> None:
        self.anonymous_max = min(ANONYMOUS_MAX, most // 3)
        self.peer_max = int(self.anonymous_max * PEER_SHARE)
        self.recognised_max = most - self.anonymous_max
        self._anonymous: dict[Connection, None] = {}  # the oldest first
        self._of_peer: defaultdict[str, dict[Connection, None]] = defaultdict(dict)
        self._recognised: dict[Connection, None] = {}
        self._closed = 0  # to make room, since it was last told
        self._told_at: float | None = None

    @property
    def open(self) -> Mapping[str, int]:
        """How many there are: recognised ones have shown a token or a session."""
        return {"recognised": len(self._recognised), "anonymous": len(self._anonymous)}

    def add(self, connection: Connection, at: float) -> None:
        """A new connection always gets a place. If there is none, the oldest anonymous one is closed."""
        peers = self._of_peer[connection.peer]
        if len(peers) >= self.peer_max:
            self._close_oldest(peers, at)
        elif len(self._anonymous) >= self.anonymous_max:
            self._close_oldest(self._anonymous, at)
        self._anonymous[connection] = self._of_peer[connection.peer][connection] = None

    def recognise(self, connection: Connection) -> bool:
        """Its request has the token. False: so many have it and are busy that this one has to wait."""
        if connection in self._recognised:
            return True
        if len(self._recognised) >= self.recognised_max:
            idle = next((one for one in self._recognised if one.idle), None)
            if idle is None:
                return False
            self._close(idle)
        self.remove(connection)
        self._recognised[connection] = None
        return True

    def remove(self, connection: Connection) -> None:
        self._recognised.pop(connection, None)
        self._anonymous.pop(connection, None)
        peers = self._of_peer[connection.peer]
        peers.pop(connection, None)
        if not peers:
            del self._of_peer[connection.peer]

    def _close_oldest(self, connections: Iterable[Connection], at: float) -> None:
        self._close(next(iter(connections)))
        self._closed += 1
        if self._told_at is None or at - self._told_at >= TOLD_EVERY_S:
            log.warning("too many connections without a token: the oldest are closed", closed=self._closed)
            self._closed, self._told_at = 0, at

    def _close(self, connection: Connection) -> None:
        self.remove(connection)
        connection.abort()


def connections_max() -> int:
    """Raises the limit of open files, and returns how many connections leave the reserved ones free."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(DESCRIPTORS_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return CONNECTIONS_MAX if soft == resource.RLIM_INFINITY else connections_within(soft)


def connections_within(descriptors: int) -> int:
    most = max(descriptors - DESCRIPTORS_RESERVED, descriptors // 2)
    if most < CONNECTIONS_MAX // 2:
        log.warning("few open files are allowed to this process", limit=descriptors, fix="raise `ulimit -n` to 4096")
    return min(CONNECTIONS_MAX, most)


class ServerConfig(uvicorn.Config):
    """The configuration of the server, with its connections."""

    connections: Connections
