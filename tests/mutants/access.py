"""Bugs at the door for people and programs: users, tokens, sessions, roles, and who did what."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

AUTH: Final = "http/auth.py"
LOGINS: Final = "http/access/logins.py"
DOOR_TEST: Final = "tests/http/access/test_door.py::"
LOGIN_TEST: Final = "tests/http/access/test_logins.py::"
WHO_TEST: Final = "tests/core/control/test_attribution.py::"

ACCESS: Final = (
    Mutation(
        "access: what somebody typed instead of a name is in the log",
        LOGINS,
        'user=name if name in access.users else "unknown"',
        "user=name",
        f"{LOGIN_TEST}test_who_comes_and_goes_is_logged_without_a_secret",
    ),
    Mutation(
        "access: a logout leaves no trace",
        LOGINS,
        '            log.info("logout", user=known[1].name, peer=caller.peer)\n',
        "",
        f"{LOGIN_TEST}test_who_comes_and_goes_is_logged_without_a_secret",
    ),
    Mutation(
        "access: a form of the page is not journaled with its user",
        "http/commands/acting.py",
        "return await engine.handle(given_by(command, identity_of(request).by))",
        'by = "" if request.url.path.startswith("/desk") else identity_of(request).by\n'
        "    return await engine.handle(given_by(command, by))",
        "tests/http/access/test_who.py::test_every_post_names_who_sent_it_and_why",
    ),
    Mutation(
        "access: a role that is too low gets through",
        AUTH,
        "        if allowed.role is not None and not identity.may(allowed.role):\n",
        "        if allowed.role is None and not identity.may(allowed.role):\n",
        f"{DOOR_TEST}test_a_token_reaches_what_its_role_may",
    ),
    Mutation(
        "access: a route outside the table is served",
        AUTH,
        "        if isinstance(allowed, NoRoute):\n            return _no_route(scope, allowed)\n",
        "        if isinstance(allowed, NoRoute):\n            return None\n",
        f"{DOOR_TEST}test_a_route_that_the_table_lacks_is_served_to_nobody",
    ),
    Mutation(
        "access: of two routes with one path the first one counts",
        "http/access/permissions.py",
        "        return Allowed(role, all(one.of_sources for one in those))\n",
        "        return Allowed(those[0].role, all(one.of_sources for one in those))\n",
        "tests/http/access/test_permissions.py::test_who_may_send_it",
    ),
    Mutation(
        "access: a path with a line's end is compared as it is",
        "http/access/permissions.py",
        "        if not path.isprintable():",
        "        if not path:",
        "tests/http/access/test_permissions.py::test_who_may_send_it",
    ),
    Mutation(
        "access: a form needs no CSRF token",
        AUTH,
        "        if given is None or not hmac.compare_digest(given, identity.csrf.encode()):\n",
        "        if given is not None and not hmac.compare_digest(given, identity.csrf.encode()):\n",
        f"{DOOR_TEST}test_a_form_of_another_site_does_nothing",
    ),
    Mutation(
        "access: a form of another site is taken",
        AUTH,
        '        if origin is not None and origin.decode("latin-1") != caller.origin:\n',
        '        if origin == b"null":\n',
        f"{DOOR_TEST}test_a_form_of_another_site_does_nothing",
    ),
    Mutation(
        "access: a session never grows old",
        "http/access/sessions.py",
        "        return idle or at - session.begun_at >= self.most_s\n",
        "        return idle\n",
        "tests/http/access/test_sessions.py::test_no_session_is_older_than_its_bound_and_its_stream_ends_with_it",
    ),
    Mutation(
        "access: a page that is open loses its session",
        "http/access/sessions.py",
        "        idle = not session.connections and at - session.used_at >= self.idle_s\n",
        "        idle = at - session.used_at >= self.idle_s\n",
        "tests/http/access/test_sessions.py::test_a_page_that_is_open_keeps_its_session",
    ),
    Mutation(
        "access: the stream of a revoked token goes on",
        "http/access/access.py",
        "                for connection in tuple(token.connections):\n                    connection.abort()\n",
        "                pass\n",
        f"{DOOR_TEST}test_a_revoked_token_is_nobodys_and_its_open_answers_end",
    ),
    Mutation(
        "access: a new password leaves the old sessions",
        "http/access/access.py",
        "    return now is not None and now.password == before.password\n",
        "    return now is not None\n",
        f"{DOOR_TEST}test_a_user_who_is_removed_or_has_another_password_is_out",
    ),
    Mutation(
        "access: a file that others can read is trusted",
        "config/private_records.py",
        "    if file.open_to_others:\n",
        "    if file.open_to_others and not file.text:\n",
        f"{DOOR_TEST}test_a_file_that_cannot_be_trusted_lets_nobody_in",
    ),
    Mutation(
        "access: a wrong password costs no wait",
        LOGINS,
        "        access.waits.count(name, caller.peer, access.steady())\n",
        "",
        f"{LOGIN_TEST}test_wrong_passwords_make_the_next_attempt_wait",
    ),
    Mutation(
        "access: one account's wait holds up every address",
        "http/access/waits.py",
        "        tries = self._tries.get((account, network_of(peer)))\n",
        "        tries = next((one for (name, _), one in self._tries.items() if name == account), None)\n",
        f"{LOGIN_TEST}test_wrong_passwords_make_the_next_attempt_wait",
    ),
    Mutation(
        "access: a login leads to another site",
        "http/access/headers.py",
        'r"/(?!/)',
        'r"/',
        "tests/http/access/test_forms.py::test_a_login_leads_to_no_other_site",
    ),
    Mutation(
        "access: the link of the terminal is good twice",
        "http/access/welcomes.py",
        "and not self._access.users\n",
        "\n",
        f"{LOGIN_TEST}test_the_link_makes_nobody_beside_a_user_who_came_meanwhile",
    ),
    Mutation(
        "access: a stranger's forwarding headers are believed",
        "http/access/callers.py",
        "        if peer not in self.proxies:\n",
        "        if not self.proxies:\n",
        f"{DOOR_TEST}test_the_headers_of_a_proxy_are_believed_of_it_alone",
    ),
    Mutation(
        "access: anybody connects without encryption",
        "http/access/callers.py",
        "        return not self.guarded or peer in self.proxies or _is_loopback(peer)\n",
        "        return True\n",
        f"{DOOR_TEST}test_without_tls_only_the_proxy_and_this_machine_may_come_from_elsewhere",
    ),
    Mutation(
        "access: another address without TLS is no error",
        "config/door.py",
        "    if not (door.is_loopback or named or door.proxies):\n",
        "    if not (door.is_loopback or named or door.proxies or door.bind):\n",
        "tests/config/test_door.py::test_another_address_needs_tls_or_a_proxy",
    ),
    Mutation(
        "access: nobody is named",
        "core/decide.py",
        "        yield acted(given.command, given.by)\n        yield first\n",
        "        yield first\n",
        f"{WHO_TEST}test_who_wanted_it_comes_right_before_what_it_did",
    ),
    Mutation(
        "access: a stop that comes second names nobody",
        "core/decide.py",
        "    elif isinstance(given.command, EmergencyStop) and state.founded is not None",
        "    elif isinstance(given.command, EmergencyStop) and state.founded is None",
        f"{WHO_TEST}test_who_wanted_it_comes_right_before_what_it_did",
    ),
    Mutation(
        "access: an author comes before a journal's identity",
        "core/decide.py",
        "        case RecordAction() as action if state.founded is not None:",
        "        case RecordAction() as action if state.founded is not None or not state.seq:",
        f"{WHO_TEST}test_a_journal_begins_with_its_identity_whoever_was_first",
    ),
)
