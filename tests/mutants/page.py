"""Bugs of the operator's page: a form that somebody else can send, or a page that hides that it is old."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

SHOWING: Final = "tests/http/pages/test_showing.py"
ACTIONS: Final = "tests/http/pages/test_actions.py"

PAGE_BUGS: Final = (
    Mutation(
        "page: an order counts as sent although no node took it",
        "desk/executor.py",
        "        try:\n            await self._venue.send(work, ticket, lambda: self._may_send(work))\n",
        "        self._times.add_sent(work.id, self._clock.now_ns())\n"
        "        try:\n            await self._venue.send(work, ticket, lambda: self._may_send(work))\n",
        "tests/desk/test_executor.py::test_an_order_counts_as_sent_once_a_node_took_it",
    ),
    Mutation(
        "page: an order that is not signed counts as sent",
        "views/orders.py",
        "    if known.ticket is not None:\n        shown, detail",
        '    if is_sent:\n        shown = "sent"\n    elif known.ticket is not None:\n        shown, detail',
        "tests/views/test_orders.py::test_an_open_order_is_sent_only_when_a_node_took_it",
    ),
    Mutation(
        "page: another session's token is in the forms",
        "http/pages/showing.py",
        "return self.html(body.replace(self._csrf, identity.csrf), headers)",
        "before, self._csrf = self._csrf, identity.csrf\n"
        "        return self.html(body.replace(before, identity.csrf), headers)",
        f"{SHOWING}::test_each_reader_gets_the_token_of_their_own_session",
    ),
    Mutation(
        "page: a reader gets what was rendered for an operator",
        "http/pages/showing.py",
        "key = _address(request), role",
        "key = _address(request), Role.READ",
        f"{SHOWING}::test_a_view_is_rendered_once_for_all_who_look_at_the_same_moment",
    ),
    Mutation(
        "page: a live page gets less than what it was told of",
        "http/pages/showing.py",
        "seen is not None and rendered.seq >= seen",
        "seen is not None",
        f"{SHOWING}::test_a_change_is_rendered_anew",
    ),
    Mutation(
        "page: a disk that hangs is waited for",
        "http/pages/showing.py",
        "asyncio.wait((rendering,), timeout=DURABLE_S)",
        "asyncio.wait((rendering,), timeout=100 * DURABLE_S)",
        f"{SHOWING}::test_a_disk_that_hangs_is_told_instead_of_waited_for",
    ),
    Mutation(
        "page: what somebody wrote is HTML",
        "http/pages/templates.py",
        "autoescape=True,",
        "autoescape=False,",
        f"{SHOWING}::test_what_somebody_wrote_is_text_on_the_page",
    ),
    Mutation(
        "page: a notice is told to whoever knows its key",
        "http/pages/notices.py",
        "return notice if owner == user else None",
        "return notice",
        f"{SHOWING}::test_a_notice_is_told_to_its_own_user_alone_and_not_kept_for_ever",
    ),
    Mutation(
        "page: a form leads to another site",
        "http/pages/actions.py",
        'return own_place(fields.get(BACK, ""), OVERVIEW.path)',
        'return fields.get(BACK, "") or OVERVIEW.path',
        f"{ACTIONS}::test_the_way_back_leads_to_no_other_site",
    ),
    Mutation(
        "page: a form takes a strategy for a wallet",
        "http/pages/actions.py",
        "return known_wallet(app, target) if is_wallet else target",
        "return target",
        f"{ACTIONS}::test_a_refusal_is_told_and_does_nothing",
    ),
    Mutation(
        "page: a stop by the page names nobody",
        "http/commands/stopping.py",
        "await act(engine, request, EmergencyStop(body.reason, body.liquidate, body.sweep))",
        "await engine.handle(EmergencyStop(body.reason, body.liquidate, body.sweep))",
        f"{ACTIONS}::test_a_stop_holds_every_wallet_and_names_who_wanted_it",
    ),
    Mutation(
        "page: a desk at rest sends no tick",
        "http/pages/ticks.py",
        "if seq != told or round(loop.time() / TICK_S) % HEARTBEAT_TICKS == 0:",
        "if seq != told:",
        "tests/http/pages/test_ticks.py::test_a_desk_at_rest_tells_each_second_that_it_is_alive",
    ),
    Mutation(
        "page: chart code that nobody has checked is served",
        "report/chart_code.py",
        "    if hashlib.sha256(body).hexdigest() != SHA256:\n",
        "    if not body:\n",
        "tests/http/test_records.py::test_other_or_absent_chart_code_turns_charts_off",
    ),
    Mutation(
        "page: the address of a node with its key goes into a link",
        "http/pages/records/orders.py",
        "if is_loopback(url)]",
        "if url]",
        "tests/http/test_records.py::test_only_a_node_of_this_machine_is_named_to_an_explorer",
    ),
)
