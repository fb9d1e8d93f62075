"""A real service under a supervisor that speaks like systemd: when it is ready, that it lives, and that it stops."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.foreign_lock import locked
from tests.support.service import serving

WATCHDOG_S = 2.0


def until(listener: socket.socket, wanted: str) -> list[str]:
    """All that is told until then."""
    told = list[str]()
    while wanted not in told:
        told += listener.recv(4_096).decode().split("\n")
    return told


@pytest.mark.soak
def test_a_service_tells_its_supervisor_how_it_does(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        more = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6))}
        with serving(tmp_path, **more) as service:
            begun = until(listener, "READY=1")
            assert begun[0] == "STATUS=opening the journal"
            assert service.get("/readyz").status == 200
            until(listener, "WATCHDOG=1")
            with locked(service.journal):
                listener.setblocking(False)
                while True:  # What was told before the lock.
                    try:
                        listener.recv(4_096)
                    except BlockingIOError:
                        break
                listener.settimeout(60)
                for _ in range(12):  # Longer than the watchdog's time: the lock is waited for.
                    until(listener, "WATCHDOG=1")
            service.child.process.terminate()
            ended = until(listener, "STOPPING=1")
            assert any(one.startswith("STATUS=4 wallets, 0 open orders") for one in (*begun, *ended))
            assert service.child.end() == 0
