"""Floods of connections: whoever has the token gets in, and health answers (specification §13.4)."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
from collections.abc import Iterator, Sequence
from http.client import HTTPResponse
from pathlib import Path

import pytest
from tests.support.processes import wait_until
from tests.support.service import BUY, Service, command, serving

from overmind.http.connections import (
    ANONYMOUS_MAX,
    CONNECTIONS_MAX,
    DESCRIPTORS_RESERVED,
    DESCRIPTORS_WANTED,
    PEER_SHARE,
    Connections,
    connections_within,
)

FLOOD = 760
OWN_DESCRIPTORS = 64  # more than an idle desk has open
AT_ONCE_S = 5.0  # far less than any time limit of a connection would take to make room


class Fake:
    """A connection that remembers whether it was closed."""

    def __init__(self, peer: str = "127.0.0.1") -> None:
        self.peer = peer
        self.idle = True
        self.closed = False

    def abort(self) -> None:
        self.closed = True


def opened(connections: Connections, count: int, peer: str = "127.0.0.1") -> list[Fake]:
    fakes = [Fake(peer) for _ in range(count)]
    for fake in fakes:
        connections.add(fake, at=0.0)
    return fakes


def still_open(fakes: Sequence[Fake]) -> list[int]:
    return [number for number, fake in enumerate(fakes) if not fake.closed]


def test_the_oldest_anonymous_connection_of_a_peer_goes_first() -> None:
    connections = Connections(60)
    assert (connections.anonymous_max, connections.peer_max, connections.recognised_max) == (20, 15, 40)
    other = opened(connections, 1, peer="127.0.0.2")
    fakes = opened(connections, 18)
    assert (still_open(fakes), still_open(other)) == (list(range(3, 18)), [0])


def test_peers_together_have_a_maximum() -> None:
    connections = Connections(60)
    peers = [opened(connections, 5, peer=f"127.0.0.{number}") for number in range(1, 7)]
    assert [len(still_open(peer)) for peer in peers] == [0, 0, 5, 5, 5, 5]


def test_a_closed_connection_gives_its_place_back() -> None:
    connections = Connections(60)
    fakes = opened(connections, 15)
    for fake in fakes[5:10]:
        connections.remove(fake)
        connections.remove(fake)  # An aborted connection is lost a moment later.
    assert (len(still_open(fakes)), len(still_open(opened(connections, 5)))) == (15, 5)
    opened(connections, 1)
    assert fakes[0].closed


def test_no_flood_closes_a_connection_that_has_shown_the_token() -> None:
    connections = Connections(60)
    (known,) = opened(connections, 1)
    assert connections.recognise(known)
    opened(connections, 1_000)
    assert not known.closed
    assert connections.recognise(known)


def test_with_the_token_the_longest_idle_one_makes_room() -> None:
    connections = Connections(60)
    fakes = list[Fake]()
    for number in range(40):
        (fake,) = opened(connections, 1)
        assert connections.recognise(fake)
        fake.idle = number > 2
        fakes.append(fake)
    (late,) = opened(connections, 1)
    assert connections.recognise(late)
    assert [number for number, fake in enumerate(fakes) if fake.closed] == [3]
    for fake in (*fakes, late):
        fake.idle = False
    (refused,) = opened(connections, 1)
    assert not connections.recognise(refused)
    assert not refused.closed


@pytest.mark.parametrize(
    ("descriptors", "most"),
    [(64, 32), (DESCRIPTORS_RESERVED, 256), (1_024, 512), (1_536, CONNECTIONS_MAX), (10**6, CONNECTIONS_MAX)],
)
def test_the_places_leave_descriptors_free(descriptors: int, most: int) -> None:
    assert connections_within(descriptors) == most
    assert 3 * Connections(most).anonymous_max <= most


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Started with few descriptors, as a login shell gives them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with serving(tmp_path_factory.mktemp("desk")) as service:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(2_048, hard), hard))
            yield service
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(service: Service, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=AT_ONCE_S, source_address=(source, 0))


def ask(service: Service, wire: socket.socket, path: str, token: str = "") -> int:
    """The status of the answer. Raises TimeoutError."""
    credentials = f"authorization: Bearer {token}\r\n" if token else ""
    wire.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{service.port}\r\n{credentials}\r\n".encode())
    answer = HTTPResponse(wire)
    answer.begin()
    answer.read()
    return answer.status


def is_closed(wire: socket.socket) -> bool:
    wire.settimeout(0)
    try:
        while wire.recv(65_536):
            pass
        return True
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@contextlib.contextmanager
def flood(service: Service) -> Iterator[list[socket.socket]]:
    """Silent ones, ones that begin a request, and ones that asked for health and stay."""
    with contextlib.ExitStack() as wires:
        crowd = list[socket.socket]()
        for number in range(FLOOD):
            wire = wires.enter_context(connect(service, f"127.0.0.{1 + number % 3}"))
            with contextlib.suppress(ConnectionError):
                if number % 3 == 1:
                    wire.sendall(b"POST /v1/signals HTTP/1.1\r\nauthorization: Bear")
                elif number % 3 == 2:
                    wire.sendall(f"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{service.port}\r\n\r\n".encode())
            crowd.append(wire)
        yield crowd


def test_a_crowd_of_strangers_shuts_nobody_out(service: Service) -> None:
    with connect(service) as early:
        assert ask(service, early, "/v1/stats", service.token) == 200
        with flood(service) as crowd:
            with connect(service) as fresh:
                assert ask(service, fresh, "/healthz") == 200
            with connect(service) as fresh:
                assert ask(service, fresh, "/v1/portfolio", service.token) == 200
            assert ask(service, early, "/v1/stats", service.token) == 200
            assert service.post("/v1/signals", BUY).status == 202
            wait_until(lambda: sum(map(is_closed, crowd)) >= FLOOD - ANONYMOUS_MAX, "the oldest to be closed")
            assert len(list(Path(f"/proc/{service.child.process.pid}/fd").iterdir())) < ANONYMOUS_MAX + OWN_DESCRIPTORS
            stopped = command(service.folder, "stop", "--reason", "crowd")
            assert "recorded by the running service" in stopped["how"]
    log = (service.folder / "logs" / "overmind.log").read_text()
    assert log.count("too many connections without a token") == 1


def test_a_flood_that_goes_on_shuts_nobody_out(service: Service) -> None:
    over = threading.Event()

    def connect_for_ever() -> None:
        crowd = list[socket.socket]()
        while not over.is_set():
            with contextlib.suppress(OSError):
                crowd.append(connect(service))
            if len(crowd) > FLOOD:
                crowd.pop(0).close()
        for wire in crowd:
            wire.close()

    attackers = [threading.Thread(target=connect_for_ever) for _ in range(2)]
    for one in attackers:
        one.start()
    try:
        for _ in range(20):
            with connect(service) as fresh:
                assert ask(service, fresh, "/v1/stats", service.token) == 200
            with connect(service) as fresh:
                assert ask(service, fresh, "/healthz") == 200
    finally:
        over.set()
        for one in attackers:
            one.join()


def test_the_limit_of_open_files_is_raised(service: Service) -> None:
    soft, hard = resource.prlimit(service.child.process.pid, resource.RLIMIT_NOFILE)
    assert soft == (DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_WANTED))
    assert 0 < PEER_SHARE < 1
