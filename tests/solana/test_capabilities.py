"""At start a desk hears which nodes cannot simulate balances, and of nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from solders.hash import Hash
from tests.desk.live.test_balances import SELDOM
from tests.solana.test_chain import OWNER, chain_of, in_context, run
from tests.support.chain_desk import ChainDesk, on_stage
from tests.support.scripted_nodes import Fault, Node

from overmind.solana.capabilities import blind_nodes, harmless
from overmind.solana.transactions import account_keys

BLOCKHASH = str(Hash.default())
CASES: dict[str, tuple[Any, bool]] = {
    "no balances": (in_context({"err": None, "logs": [], "unitsConsumed": 0}), True),
    "a balance that it leaves out": (in_context({"err": None, "fee": 5, "preBalances": [1, 2]}), True),
    "a failure": (in_context({"err": "AccountNotFound"}), False),
    "a blockhash that it does not know yet": (in_context({"err": "BlockhashNotFound"}), False),
    "an error": (Fault(code=-32005, message="behind"), False),
    "nonsense": (in_context(7), False),
}


@pytest.mark.parametrize(("answer", "blind"), CASES.values(), ids=CASES.keys())
def test_which_node_is_blind(answer: Any, blind: bool) -> None:
    async def test() -> None:
        node = Node()
        node.answers = {"simulateTransaction": answer}
        async with chain_of(node, dead=1) as chain:
            found = await blind_nodes(chain.histories, OWNER, BLOCKHASH)
        assert len(found) == blind
        assert all("cannot simulate balances" in one for one in found)

    run(test())


def test_what_is_simulated_moves_nothing_and_names_nobody_else() -> None:
    assert account_keys(harmless(OWNER, BLOCKHASH))[0] == OWNER
    assert len(account_keys(harmless(OWNER, BLOCKHASH))) == 2, "the wallet and the system program"


@on_stage
async def test_a_node_that_can_is_not_told_of(stage: ChainDesk) -> None:
    async with stage.desk(**SELDOM) as app:
        assert app.node_faults == ()
