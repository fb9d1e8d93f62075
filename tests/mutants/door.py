"""Bugs at the doors: HTTP, the command, the configuration and the files of keys."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

CONNECTIONS: Final = "http/connections.py"
CONNECTIONS_TEST: Final = "tests/http/test_connections.py::"
LANE: Final = "desk/lane.py"
MISSPELT: Final = "config/misspelt.py"
OPERATE: Final = "cli/operate.py"
PROTOCOL: Final = "http/protocol.py"
PROTOCOL_TEST: Final = "tests/http/test_protocol.py::"

DOOR_BUGS: Final = (
    Mutation(
        "door: a misspelt parameter of a query is left out in silence",
        "http/known_parameters.py",
        "    if unknown is not None:\n",
        "    if unknown is None and False:\n",
        "tests/http/test_routes.py::test_wrong_requests_are_answered_in_one_shape",
    ),
    Mutation(
        "door: the entry after the largest number is looked for",
        "journal/reader.py",
        "        if after >= SEQ_MAX:\n",
        "        if after > SEQ_MAX:\n",
        "tests/contracts/test_journal.py::test_01_what_was_appended_is_read_back_equal_and_in_order",
    ),
    Mutation(
        "door: a name that stands twice in a command's body",
        "http/commands/bodies.py",
        "    if repeated is not None:\n",
        "    if repeated is None and False:\n",
        "tests/http/test_routes.py::test_the_second_value_of_a_name_does_nothing",
    ),
    Mutation(
        "door: a name that stands twice in a signal",
        "signals/validation.py",
        "            repeated = repeated_name(line)\n",
        "            repeated = None\n",
        "tests/http/test_routes.py::test_no_shape_of_signals_takes_a_name_twice",
    ),
    Mutation(
        "door: anonymous connections without a bound",
        CONNECTIONS,
        "        elif len(self._anonymous) >= self.anonymous_max:\n",
        "        elif len(self._anonymous) >= 10**9:\n",
        f"{CONNECTIONS_TEST}test_peers_together_have_a_maximum",
    ),
    Mutation(
        "door: one peer takes all places",
        CONNECTIONS,
        "        if len(peers) >= self.peer_max:\n",
        "        if len(peers) >= 10**9:\n",
        f"{CONNECTIONS_TEST}test_the_oldest_anonymous_connection_of_a_peer_goes_first",
    ),
    Mutation(
        "door: the newest connection is closed for room",
        CONNECTIONS,
        "        self._close(next(iter(connections)))\n",
        "        self._close(next(reversed(list(connections))))\n",
        f"{CONNECTIONS_TEST}test_the_oldest_anonymous_connection_of_a_peer_goes_first",
    ),
    Mutation(
        "door: a connection that shows the token stays anonymous",
        CONNECTIONS,
        "        self.remove(connection)\n        self._recognised[connection] = None\n",
        "        self._recognised[connection] = None\n",
        f"{CONNECTIONS_TEST}test_no_flood_closes_a_connection_that_has_shown_the_token",
    ),
    Mutation(
        "door: headers after a body count as headers",
        PROTOCOL,
        "        if self._in_head:  # What follows",
        "        if True:  # What follows",
        f"{PROTOCOL_TEST}test_nothing_after_the_body_counts_as_a_header",
    ),
    Mutation(
        "door: a refusal before the answers that it follows",
        PROTOCOL,
        "        if newest is None or newest.response_complete:\n            self._refuse(why)\n",
        "        if newest is None or not newest.more_body:\n            self._refuse(why)\n",
        f"{PROTOCOL_TEST}test_a_refusal_comes_after_the_answers_before_it",
    ),
    Mutation(
        "door: the body after a wish for HTTP/2 is read as a request",
        PROTOCOL,
        "                data = self._without_upgrade() + data[upgrade.args[0] :]\n",
        "                data = data[upgrade.args[0] :]\n",
        f"{PROTOCOL_TEST}test_what_is_clear_is_served_and_so_is_what_follows",
    ),
    Mutation(
        "door: two hosts in one request",
        PROTOCOL,
        "            if names.count(name) > 1:\n",
        "            if names.count(name) > 2:\n",
        f"{PROTOCOL_TEST}test_what_can_be_read_in_two_ways_is_refused",
    ),
    Mutation(
        "door: a head of any size",
        PROTOCOL,
        "        if _size(self.url, self.headers) > HEAD_BYTES_MAX:\n",
        "        if _size(self.url, self.headers) > 2**63:\n",
        f"{PROTOCOL_TEST}test_what_can_be_read_in_two_ways_is_refused",
    ),
    Mutation(
        "door: reads on while requests wait",
        PROTOCOL,
        "        if not self._waiting:\n            super().resume_reading()\n",
        "        super().resume_reading()\n",
        f"{PROTOCOL_TEST}test_while_requests_wait_nothing_more_is_read",
    ),
    Mutation(
        "door: the limit of open files is not raised",
        CONNECTIONS,
        "        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))\n",
        "",
        f"{CONNECTIONS_TEST}test_the_limit_of_open_files_is_raised",
    ),
    Mutation(
        "door: stop asks the service before it writes the file",
        OPERATE,
        "    _write_stop_file(stop_file, reason)\n",
        "",
        "tests/http/test_commands.py::test_stop_beside_a_service_that_hangs_says_so_at_once",
    ),
    Mutation(
        "door: stop waits for a service that hangs",
        OPERATE,
        '"/v1/emergency-stop", request, STOP_ANSWER_S)',
        '"/v1/emergency-stop", request)',
        "tests/http/test_commands.py::test_stop_beside_a_service_that_hangs_says_so_at_once",
    ),
    Mutation(
        "door: stop without a data directory writes nothing",
        OPERATE,
        "        stop_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)\n",
        "",
        "tests/cli/test_commands.py::test_stop_works_without_a_data_directory",
    ),
    Mutation(
        "door: a misspelt guard is a warning live",
        MISSPELT,
        "        tell = findings.refuse if live and meant in GUARDS else findings.warn\n",
        "        tell = findings.warn\n",
        "tests/config/test_misspelt.py::test_live_a_misspelt_guard_is_an_error",
    ),
    Mutation(
        "door: a prefix that is nearly ours is not seen",
        MISSPELT,
        "PREFIX_SLIPS_MAX: Final = 2\n",
        "PREFIX_SLIPS_MAX: Final = 0\n",
        "tests/config/test_misspelt.py::test_the_variable_that_is_meant",
    ),
    Mutation(
        "door: a path in quotes makes a folder of that name",
        "config/kinds.py",
        "    if (quote := quote_in(text)) is not None:\n",
        "    if (quote := quote_in('')) is not None:\n",
        "tests/config/test_environment_text.py::test_a_folder_whose_name_holds_a_quote_is_refused",
    ),
    Mutation(
        "door: the first signal is lost to a byte order mark",
        "signals/validation.py",
        ".removeprefix(BOM_BYTES)\n",
        "\n",
        "tests/signals/test_signals.py::test_a_byte_order_mark_and_a_carriage_return_are_left_out",
    ),
    Mutation(
        "door: a symbol of two scripts is listed",
        "config/token_list.py",
        "    if (letter := foreign_letter(token.symbol)) is not None:\n",
        "    if (letter := foreign_letter('')) is not None:\n",
        "tests/config/test_tokens.py::test_a_token_file_is_refused",
    ),
    Mutation(
        "door: a cell of a table reaches the terminal as it came",
        "cli/present.py",
        "printable(str(line)) for line",
        "str(line) for line",
        "tests/cli/test_control_characters.py::test_no_cell_of_a_table_shows_one",
    ),
    Mutation(
        "door: a line of the log reaches the terminal as it came",
        "desk/log/line.py",
        "            return printable(value, keep)\n",
        "            return value\n",
        "tests/cli/test_control_characters.py::test_the_log_does_not_either",
    ),
    Mutation(
        "door: a key file is replaced",
        "keys/private_file.py",
        "    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)\n",
        "    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)\n",
        "tests/keys/test_private_file.py::test_a_file_that_must_not_exist_is_never_replaced",
    ),
    Mutation(
        "door: a batch is decided in one turn of the loop",
        LANE,
        "return self._is_over() or self._must_rest()",
        "return self._must_rest()",
        "tests/desk/test_lane.py::test_a_batch_works_in_slices_and_the_loop_turns_between_them",
    ),
    Mutation(
        "door: signals do not wait for a stop",
        LANE,
        "return self._urgent > 0 and not self._rested",
        "return False",
        "tests/desk/test_lane.py::test_the_lane_rests_while_something_is_urgent",
    ),
    Mutation(
        "door: what is urgent for long shuts out signals",
        LANE,
        "self._rest, self._rested = None, True",
        "self._rest = None",
        "tests/desk/test_lane.py::test_what_is_urgent_for_long_does_not_shut_the_lane",
    ),
    Mutation(
        "door: sales wait behind entries",
        "http/intake.py",
        "rank = Rank.SALE if only_sales else Rank.ENTRY",
        "rank = Rank.ENTRY",
        "tests/http/test_stop_lane.py::test_sales_are_decided_before_the_entries_that_wait",
    ),
    Mutation(
        "door: one sale alone waits behind entries",
        "http/intake.py",
        "await turn.go_on_as(Rank.SALE if read.signal.action in SELL_ACTIONS else Rank.ENTRY)",
        "await turn.go_on_as(Rank.ENTRY)",
        "tests/http/test_stop_lane.py::test_one_sale_alone_goes_before_the_entries_that_wait",
    ),
    Mutation(
        "door: one entry alone comes between those of a batch",
        "http/intake.py",
        "await turn.go_on_as(Rank.SALE if read.signal.action in SELL_ACTIONS else Rank.ENTRY)",
        "pass",
        "tests/http/test_stop_lane.py::test_one_entry_alone_waits_until_a_batch_is_decided",
    ),
    Mutation(
        "door: signals do not wait while a stop is served",
        "http/server.py",
        '"/emergency-stop", ',
        "",
        "tests/http/test_stop_lane.py::test_the_lane_rests_for_what_ends_trading",
    ),
    Mutation(
        "door: a refusal of some wallets is not counted",
        "views/refusals.py",
        "            newest[code].more += 1\n",
        "            pass\n",
        "tests/views/test_refusals.py::test_every_code_and_every_wallet_is_told_or_counted",
    ),
)
