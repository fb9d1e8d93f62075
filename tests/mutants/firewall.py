"""Bugs in the firewall: a transaction passes that takes more than was ordered."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

FIREWALL: Final = "solana/firewall.py"
FIREWALL_TEST: Final = "tests/solana/test_firewall.py::test_it_is_refused_and_says_why"

FIREWALL_BUGS: Final = (
    Mutation(
        "firewall: unknown program",
        FIREWALL,
        'raise FirewallRefusal(f"the program {program} is not on the list")',
        "pass",
        FIREWALL_TEST,
        world="chain",
    ),
    Mutation(
        "firewall: token instructions other than its own",
        FIREWALL,
        '                raise FirewallRefusal(f"instruction {other} of a token program")\n',
        "                assert other\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: spends more than was ordered",
        FIREWALL,
        "        if not 0 < self._leaves <= order.spend.units:\n",
        "        if not 0 < self._leaves:\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: spends another token",
        FIREWALL,
        "!= (intent.spend, intent.owner):",
        "!= (HeldAccount(source, Mint(mint), instruction.program), intent.owner):",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: brings less than was ordered",
        FIREWALL,
        "        if self._comes < order.received_min:\n",
        "        if self._comes < 0:\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: brings it to a stranger",
        FIREWALL,
        "        elif HeldAccount(target, Mint(mint), instruction.program) == intent.receive:\n",
        "        elif target and mint == intent.receive.mint:\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: lamports to a stranger",
        FIREWALL,
        '                raise FirewallRefusal(f"it transfers {lamports} lamports of ours to {target}")\n',
        "                return\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: account of a stranger paid",
        FIREWALL,
        '            raise FirewallRefusal(f"it makes us pay for the account {account} of {owner}")\n',
        "            return\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: unwrapped to a stranger",
        FIREWALL,
        "        if (target, authority) != (self._intent.owner, self._intent.owner):\n",
        "        if authority != self._intent.owner:\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: any account closed",
        FIREWALL,
        '            raise FirewallRefusal(f"it unwraps or closes {account}")\n',
        "            return\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: nonce instructions",
        FIREWALL,
        '            raise FirewallRefusal(f"instruction {index} of the system program")\n',
        "            return\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: no compute limit",
        FIREWALL,
        "        if self._unit_limit is None:\n",
        "        if self._unit_limit is None:\n            return\n        if self._unit_limit < 0:\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: compute limit given twice",
        FIREWALL,
        "if data[:1] == bytes([_UNIT_LIMIT]) and self._unit_limit is None:",
        "if data[:1] == bytes([_UNIT_LIMIT]):",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: fee above the reservation",
        FIREWALL,
        "        if fee > fee_max_lamports:\n",
        "        if fee > 1_000 * fee_max_lamports:\n",
        FIREWALL_TEST,
    ),
    Mutation(
        "firewall: signature of the maker missing",
        FIREWALL,
        "        if unsigned := transaction.unsigned():\n",
        "        if (unsigned := transaction.unsigned()) and not owner:\n",
        "tests/solana/test_firewall.py::test_a_missing_cosignature",
    ),
    Mutation(
        "firewall: another fee payer",
        FIREWALL,
        "        if transaction.keys[0] != owner:\n",
        "        if not owner:\n",
        "tests/solana/test_firewall.py::test_another_fee_payer",
    ),
)
