"""Sessions end when they should, and take their open answers along (specification §13.4)."""

from __future__ import annotations

from overmind.http.access.sessions import OF_USER_MAX, SESSIONS_MAX, Sessions

IDLE_S, MOST_S = 60.0, 600.0


class Line:
    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_a_session_is_found_by_its_secret_alone() -> None:
    sessions = Sessions(IDLE_S, MOST_S)
    secret = sessions.begin("ann", 0.0)
    found = sessions.find(secret, 1.0)
    assert found is not None
    assert found.user == "ann"
    for wrong in ("", secret[:-1], f"{secret}x", found.csrf, "é\ud800"):
        assert sessions.find(wrong, 1.0) is None
    other = sessions.find(sessions.begin("ann", 0.0), 1.0)
    assert other is not None
    assert other.csrf != found.csrf


def test_an_idle_session_ends_and_one_in_use_goes_on() -> None:
    sessions = Sessions(IDLE_S, MOST_S)
    secret = sessions.begin("ann", 0.0)
    for at in (50.0, 100.0, 150.0):
        assert sessions.find(secret, at) is not None
    assert sessions.find(secret, 150.0 + IDLE_S) is None
    assert sessions.find(secret, 151.0) is None, "it is gone for good"


def test_a_page_that_is_open_keeps_its_session() -> None:
    """Whoever watches the desk for an hour must be able to stop it."""
    sessions = Sessions(IDLE_S, MOST_S)
    secret = sessions.begin("ann", 0.0)
    session = sessions.find(secret, 0.0)
    assert session is not None
    session.connections.add(Line())
    sessions.end_expired(MOST_S - 1)
    assert sessions.find(secret, MOST_S - 1) is session


def test_no_session_is_older_than_its_bound_and_its_stream_ends_with_it() -> None:
    sessions = Sessions(IDLE_S, MOST_S)
    session = sessions.find(sessions.begin("ann", 0.0), 0.0)
    assert session is not None
    line = Line()
    session.connections.add(line)
    sessions.end_expired(MOST_S)
    assert line.aborted


def test_a_logout_ends_other_answers_and_not_its_own() -> None:
    sessions = Sessions(IDLE_S, MOST_S)
    secret = sessions.begin("ann", 0.0)
    session = sessions.find(secret, 0.0)
    assert session is not None
    own, stream = Line(), Line()
    session.connections |= {own, stream}
    sessions.leave(secret, own)
    assert (own.aborted, stream.aborted) == (False, True)
    assert sessions.find(secret, 0.0) is None


def test_sessions_are_bounded_for_each_user_and_for_all() -> None:
    sessions = Sessions(IDLE_S, MOST_S)
    bobs = sessions.begin("bob", 0.0)
    anns = [sessions.begin("ann", 0.0) for _ in range(OF_USER_MAX + 1)]
    assert sessions.find(anns[0], 0.0) is None, "her oldest one ended"
    assert all(sessions.find(secret, 0.0) for secret in (bobs, *anns[1:]))
    for number in range(SESSIONS_MAX):
        sessions.begin(f"user{number}", 0.0)
    assert sessions.find(bobs, 0.0) is None
