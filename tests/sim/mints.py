"""Mints and token accounts that turn hostile for a while, and providers that lag, lie about them, or do not answer.

A schedule decides at which time a mint can do what. A provider shows what was true at the slot that it has reached.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from solders.pubkey import Pubkey
from tests.sim.forks import FIRST_SLOT, Chain
from tests.sim.nodes import SimNode, SimRpc
from tests.sim.runtime import account_of
from tests.sim.swaps import LISTED, STRANGER, program_of
from tests.support.token_bytes import account_bytes, extension, fee_config, mint_bytes

from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.mints import AdmissionPolicy
from overmind.core.model.money import Token
from overmind.core.model.value import Value
from overmind.desk.admission import FRESH_S
from overmind.ports import AccountBytes, AccountsRead, ChainSilent, Priority

POLICIES: Final = (*[AdmissionPolicy.OFF] * 2, AdmissionPolicy.CHECKED, AdmissionPolicy.STRICT)
HOSTILE_S: Final = (3.0, 20.0, 100.0)
CLEAN_S: Final = (4.0, 20.0, 90.0)
SCHEDULED_S: Final = 1_500.0  # Later everything is clean.
LATE_S: Final = 40.0  # how far a provider lags at most, and how long an order takes from its look to its signature
LIES: Final = ("hides", "slanders")

HOSTILE_2022: Final[dict[str, bytes]] = {
    "a permanent delegate": extension(12, bytes(STRANGER)),
    "pausable": extension(26, bytes(STRANGER) + b"\0"),
    "a fee from the next epoch on": fee_config(0, 500),
    "new accounts frozen": extension(6, b"\2"),
    "a close authority": extension(3, bytes(STRANGER)),
    "a transfer hook": extension(14, bytes(STRANGER) + bytes(32)),
    "an unknown extension": extension(99),
}
HOSTILE: Final = ("a freeze authority", "other decimals", "gone", "of another program")
FLAWS: Final = ("a delegate", "a close authority of a stranger", "frozen")


class Phase(Value, frozen=True):
    """For how long something is hostile, and how."""

    what: str
    since_s: float
    until_s: float


class SimMints:
    """`ports.AccountReader`."""

    def __init__(
        self, random: Random, chain: Chain, rpc: SimRpc, public_keys: Mapping[WalletId, str], seen: Counter[str]
    ) -> None:
        self.policy = random.choice(POLICIES)
        self.exit = random.random() < 0.5
        self.back_s = 0.0  # by which the clock was set back in all: a look counts longer then
        self._random = random
        self._chain = chain
        self._rpc = rpc
        self._public_keys = public_keys
        self._seen = seen
        self._mints = {mint: self._schedule(_ways(token), 0.5) for mint, token in LISTED.items()}
        self._accounts: dict[str, list[Phase]] = {}
        self._liar = random.choice(LIES) if len(rpc.nodes) > 1 and random.random() < 0.4 else ""

    def _schedule(self, ways: Sequence[str], chance: float) -> list[Phase]:
        random, phases, at_s = self._random, list[Phase](), 0.0
        while at_s < SCHEDULED_S and random.random() < chance:
            since_s = at_s + random.choice(CLEAN_S)
            at_s = since_s + random.choice(HOSTILE_S)
            phases.append(Phase(random.choice(ways), since_s, at_s))
        return phases

    async def accounts(self, addresses: Sequence[str], slot_min: int, priority: Priority) -> Sequence[AccountsRead]:
        """As every provider shows them that answers; two must, where there are two."""
        reads: list[AccountsRead] = []
        silence = ""
        for number, node in enumerate(self._rpc.nodes):
            try:
                reads.append(await self._read(node, addresses, slot_min, self._liar if number == 0 else ""))
            except ChainSilent as silent:
                silence = str(silent)
        if len(reads) < min(2, len(self._rpc.nodes)):
            self._seen["mints not shown"] += 1
            raise ChainSilent(silence)
        return reads

    async def _read(self, node: SimNode, addresses: Sequence[str], slot_min: int, lie: str) -> AccountsRead:
        await node.call("accounts")
        view = node.look()
        tip = node.side(view)
        block = tip.parent if tip.parent is not None else tip
        if block.slot < slot_min:
            raise ChainSilent(f"{node.name} answers as of slot {block.slot}, and slot {slot_min} is needed")
        at_s = (block.slot - FIRST_SLOT) * self._chain.faults.slot_s
        lies = bool(lie) and self._random.random() < 0.3
        self._seen[f"a provider {lie} a mint"] += lies
        shown = [self._shown(one, block.world.holdings, at_s, lie if lies else "") for one in addresses]
        return AccountsRead(block.slot, tuple(shown))

    def _shown(self, address: str, holdings: Mapping[str, object], at_s: float, lie: str) -> AccountBytes | None:
        if (token := LISTED.get(Mint(address))) is not None:
            phase = _phase(self._mints[token.mint], at_s)
            what = "" if lie == "hides" or phase is None else phase.what
            return _mint(token, _ways(token)[0] if lie == "slanders" else what)
        owner, token = self._of(address)
        if address not in holdings:
            return None
        phases = self._accounts.setdefault(address, self._schedule(FLAWS, 0.2))
        phase = _phase(phases, at_s)
        return _account(owner, token, "" if phase is None else phase.what)

    def _of(self, address: str) -> tuple[Pubkey, Token]:
        for public_key in self._public_keys.values():
            for token in LISTED.values():
                if str(account_of(Pubkey.from_string(public_key), token)) == address:
                    return Pubkey.from_string(public_key), token
        raise AssertionError(f"{address} is neither a mint nor an account of ours")

    def check_bought(self, mint: Mint) -> None:
        """Checks when a buy is signed that what it buys was clean within the time that a look counts."""
        now_s = asyncio.get_running_loop().time()
        phase = _phase(self._mints[mint], now_s)
        if self.policy is AdmissionPolicy.OFF or phase is None:
            return
        hostile_s = now_s - phase.since_s
        assert hostile_s <= FRESH_S + LATE_S + self.back_s, f"{mint} is bought, and has {phase.what} for {hostile_s} s"
        self._seen["bought on a look from before the change"] += 1


def _phase(phases: Sequence[Phase], at_s: float) -> Phase | None:
    return next((phase for phase in phases if phase.since_s <= at_s < phase.until_s), None)


def _ways(token: Token) -> tuple[str, ...]:
    return (*HOSTILE_2022, *HOSTILE) if token.program == "token-2022" else HOSTILE


def _mint(token: Token, what: str) -> AccountBytes | None:
    if what == "gone":
        return None
    program = str(STRANGER) if what == "of another program" else str(program_of(token))
    freeze = STRANGER if what == "a freeze authority" else None
    decimals = token.decimals + (what == "other decimals")
    return AccountBytes(program, mint_bytes(HOSTILE_2022.get(what, b""), freeze=freeze, decimals=decimals))


def _account(owner: Pubkey, token: Token, what: str) -> AccountBytes:
    raw = account_bytes(
        Pubkey.from_string(token.mint),
        owner,
        delegate=STRANGER if what == "a delegate" else None,
        close=STRANGER if what == "a close authority of a stranger" else None,
        state=2 if what == "frozen" else 1,
    )
    return AccountBytes(str(program_of(token)), raw)
