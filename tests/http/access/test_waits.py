"""Growing waits after wrong passwords (specification §13.4), in virtual time."""

from __future__ import annotations

import pytest

from overmind.http.access.waits import FORGOTTEN_S, FREE, PAIRS_MAX, WAIT_MAX_S, Waits, wait_s

PEER = "203.0.113.5"


def tried(times: int, waits: Waits | None = None, account: str = "ann", peer: str = PEER) -> Waits:
    waits = waits or Waits()
    for _ in range(times):
        waits.count(account, peer, 0.0)
    return waits


def test_each_wait_is_twice_the_one_before_up_to_a_minute() -> None:
    assert [wait_s(tries) for tries in range(FREE + 8)] == [*([0.0] * FREE), 1, 2, 4, 8, 16, 32, WAIT_MAX_S, WAIT_MAX_S]
    assert wait_s(10**6) == WAIT_MAX_S


def test_a_wait_ends() -> None:
    waits = tried(FREE + 2)
    assert (waits.left_s("ann", PEER, 0.0), waits.left_s("ann", PEER, 3.0)) == (4.0, 1.0)
    assert waits.left_s("ann", PEER, 4.0) == 0.0


def test_a_wait_is_of_one_account_and_one_address() -> None:
    """Whoever guesses cannot shut out whose password it is, from elsewhere."""
    waits = tried(FREE + 5)
    assert waits.left_s("ann", "198.51.100.7", 0.0) == 0.0
    assert waits.left_s("bob", PEER, 0.0) == 0.0


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.5", "203.0.113.5", True),
        ("203.0.113.5", "203.0.113.6", False),
        ("unknown", "unknown", True),
    ],
)
def test_a_host_with_many_addresses_of_ipv6_is_one(one: str, other: str, is_one: bool) -> None:
    waits = tried(FREE, peer=one)
    assert (waits.left_s("ann", other, 0.0) > 0) is is_one


def test_the_right_password_ends_it_and_so_does_time() -> None:
    waits = tried(FREE + 5)
    waits.forget("ann", PEER)
    assert waits.left_s("ann", PEER, 0.0) == 0.0
    waits = tried(FREE + 5)
    waits.count("ann", PEER, FORGOTTEN_S)
    assert waits.left_s("ann", PEER, FORGOTTEN_S) == 0.0, "the count began anew"


def test_what_is_remembered_is_bounded() -> None:
    waits = tried(FREE)
    for number in range(PAIRS_MAX):
        waits.count(f"user{number}", PEER, 1.0)
    assert waits.left_s("ann", PEER, 0.0) == 0.0, "the oldest pair is forgotten"
