"""Bugs on the way to the chain: a protected transaction is shown, or a tip takes more than it may."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

FIREWALL: Final = "solana/firewall.py"
VENUE: Final = "venues/jupiter.py"
RELAY: Final = "solana/routes/relay.py"
ATTACKS: Final = "tests/solana/test_tipping.py::test_attacks"
UNSEEN: Final = "tests/venues/test_relayed.py::test_no_outage_repetition_or_restart_shows_a_relayed_transaction"

RELAY_BUGS: Final = (
    Mutation(
        "relay: a silent one is not told",
        RELAY,
        "                self.silence.failed(str(silent))\n",
        "                pass\n",
        "tests/solana/routes/test_silence.py::test_a_relay_that_accepts_nothing_for_a_minute_is_an_alarm",
    ),
    Mutation(
        "relay: an order of its route goes to public nodes where there is none",
        VENUE,
        '                raise ChainSilent("it may leave by the relay alone, and none is configured now")\n',
        "                return self._chain\n",
        UNSEEN,
    ),
    Mutation(
        "relay: a protected entry whose route is public is sent",
        VENUE,
        '            raise ChainSilent("it must be protected, and its route is public")\n',
        "            return self._chain\n",
        UNSEEN,
    ),
    Mutation(
        "relay: a tip above the cap",
        FIREWALL,
        "        if sum(self._tips) > order.tip_max_lamports:\n",
        "        if sum(self._tips) > order.fee_max_lamports:\n",
        ATTACKS,
    ),
    Mutation(
        "relay: more than one tip",
        FIREWALL,
        "        if len(self._tips) != (order.route is RouteName.RELAY):\n",
        "        if bool(self._tips) != (order.route is RouteName.RELAY):\n",
        ATTACKS,
    ),
    Mutation(
        "relay: a tip on the public route",
        FIREWALL,
        "        self.tip_accounts = tip_accounts if order.route is RouteName.RELAY else frozenset()\n",
        "        self.tip_accounts = tip_accounts\n",
        "tests/solana/test_tipping.py::test_one_tip_up_to_the_cap_passes_on_the_route_of_the_relay_alone",
    ),
    Mutation(
        "relay: a tip to anybody",
        FIREWALL,
        "        if source == self._intent.owner and target in self._intent.tip_accounts:\n",
        "        if source == self._intent.owner and self._intent.tip_accounts:\n",
        ATTACKS,
    ),
    Mutation(
        "relay: the tip beside what was reserved for fee and tip",
        FIREWALL,
        "        self._budget.judge(signatures, order.fee_max_lamports - sum(self._tips))\n",
        "        self._budget.judge(signatures, order.fee_max_lamports)\n",
        "tests/solana/test_tipping.py::test_the_fee_and_the_tip_share_what_was_reserved",
    ),
    Mutation(
        "relay: the tip is part of the price of SOL",
        "solana/settlement.py",
        "+ rent + wrapped + tip_lamports\n",
        "+ rent + wrapped\n",
        "tests/solana/test_tipping.py::test_a_tip_is_booked_apart_from_price_and_fee",
    ),
    Mutation(
        "relay: an accepted transaction is handed over again at once",
        RELAY,
        "        if before_ns is not None and not self._is_due(handed, before_ns):\n            return\n",
        "",
        "tests/solana/routes/test_relay.py::test_what_was_accepted_is_not_handed_over_again_at_once_nor_for_ever",
    ),
    Mutation(
        "relay: a transaction that may fail is no bundle",
        "solana/routes/region.py",
        '{**self._query, "bundleOnly": "true"}',
        "self._query",
        "tests/solana/routes/test_relay.py::test_the_request_as_it_is_documented",
    ),
    Mutation(
        "relay: an old tip floor",
        RELAY,
        "            if self.floor is None or not 0 <= age_ns <= FLOOR_AGE_MAX_S * NS:\n",
        "            if self.floor is None:\n",
        "tests/solana/routes/test_relay.py::test_an_old_tip_floor_says_nothing",
    ),
    Mutation(
        "relay: a priority fee beyond what the order reserves",
        "solana/routes/priority.py",
        "        return min(wanted, most) if wanted and most > 0 else None\n",
        "        return wanted if wanted and most > 0 else None\n",
        "tests/solana/routes/test_priority.py::test_what_is_bid",
    ),
    Mutation(
        "relay: plain text",
        "config/relay.py",
        '        if urlsplit(url.reveal()).scheme == "http" and not is_loopback_host(host):\n',
        '        if urlsplit(url.reveal()).scheme == "ftp" and not is_loopback_host(host):\n',
        "tests/config/test_relay.py::test_what_it_cannot_honour_is_refused",
    ),
)
