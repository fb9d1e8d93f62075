"""A minimal Solana runtime for one transaction, as far as the desk needs it: fees, rent, tokens, atomic execution.

It is written from the programs' rules. Of the desk's code it uses only the transaction parser.
"""

from __future__ import annotations

import json
from functools import lru_cache
from struct import Struct
from typing import Final

from msgspec import structs
from solders.pubkey import Pubkey

from overmind.core.model.enums import MoveKind
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Move
from overmind.core.model.outcome import Failed, Filled
from overmind.core.model.value import Value
from overmind.ports import Effects, TokenBalance
from overmind.solana import tokens
from overmind.solana.settlement import cause_of
from overmind.solana.transactions import Instruction, Transaction, parse

EXEMPT_LAMPORTS: Final = 890_880  # what a system account must keep, or be empty
ACCOUNT_LAMPORTS: Final = {
    "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA": 2_039_280,
    "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb": 2_074_080,
}
SYSTEM: Final = "1" * 32
ASSOCIATED: Final = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
BUDGET: Final = "ComputeBudget111111111111111111111111111111"
_TRANSFER: Final = Struct("<IQ")
_UNITS: Final = Struct("<BQB")
_LIMIT: Final = Struct("<BI")
_PRICE: Final = Struct("<BQ")

NATIVE: Final = Token("SOL", SOL, 9)
reading = lru_cache(maxsize=4_096)(parse)


def account_of(owner: Pubkey, token: Token) -> Pubkey:
    return tokens.ata(owner, Pubkey.from_string(token.mint), tokens.TOKEN_PROGRAMS[token.program])


class Holding(Value, frozen=True):
    """A token account. Its lamports are kept with those of all other accounts."""

    mint: Mint
    owner: str
    program: str
    units: int


class World(Value, frozen=True):
    """All accounts after one block. Immutable: a block that changes something makes a new world."""

    lamports: dict[str, int]
    holdings: dict[str, Holding]

    def owned(self, owner: str) -> dict[Mint, int]:
        """Wrapped and native SOL are one asset; rent is not counted."""
        units: dict[Mint, int] = {SOL: self.lamports.get(owner, 0)}
        for holding in self.holdings.values():
            if holding.owner == owner:
                units[holding.mint] = units.get(holding.mint, 0) + holding.units
        return units

    def copy(self) -> World:
        return World(dict(self.lamports), dict(self.holdings))


class Landing(Value, frozen=True):
    signature: str
    slot: int
    effects: Effects
    outcome: Filled | Failed


class Unlandable(Exception):
    """No block takes it now: nobody could pay for it."""


class Fault(Exception):
    """An instruction failed: everything is undone except the fee."""


def custom(index: int, code: int) -> str:
    return json.dumps({"InstructionError": [index, {"Custom": code}]})


def execute(world: World, transaction: Transaction, slot: int, fault: str | None = None) -> tuple[World, Effects]:
    """The world afterwards, and the effects. `fault` makes it fail for an external reason. Raises Unlandable."""
    payer, fee = transaction.keys[0], fee_of(transaction)
    left = world.lamports.get(payer, 0) - fee
    if left < EXEMPT_LAMPORTS:
        raise Unlandable('"InsufficientFundsForFee"' if payer in world.lamports else '"AccountNotFound"')
    charged = world.copy()
    charged.lamports[payer] = left
    after = charged.copy()
    error = fault or _run(after, transaction)
    if error is None and 0 < after.lamports.get(payer, 0) < EXEMPT_LAMPORTS:
        error = json.dumps({"InsufficientFundsForRent": {"account_index": 0}})
    if error is not None:
        after = charged
    return after, _effects(world, after, transaction.keys, error, fee, slot)


def fee_of(transaction: Transaction) -> int:
    """The fee by the compute unit limit, rounded up."""
    limit = price = 0
    for one in transaction.instructions:
        if one.program == BUDGET and one.data[0] == 2:
            limit = _LIMIT.unpack(one.data)[1]
        elif one.program == BUDGET and one.data[0] == 3:
            price = _PRICE.unpack(one.data)[1]
    return 5_000 * len(transaction.signatures) + (limit * price + 999_999) // 1_000_000


def truth_of(world: World, after: World, effects: Effects, spent: Mint, received: Mint) -> Filled | Failed:
    """Its effect on the payer, computed only from the two worlds."""
    payer = effects.accounts[0]
    if effects.error is not None:
        return Failed(effects.fee_lamports, cause_of(effects.error), effects.error[:200], effects.slot)
    before, then = world.owned(payer), after.owned(payer)
    rent = _rents(after, payer) - _rents(world, payer)
    native = after.lamports.get(payer, 0) - world.lamports.get(payer, 0)
    # SOL that others had put into the wrapped SOL account was never paid by the swap.
    before[SOL], then[SOL] = 0, native + effects.fee_lamports + rent + _wrapped(after, payer) - _wrapped(world, payer)
    return Filled(
        before.get(spent, 0) - then.get(spent, 0),
        then.get(received, 0) - before.get(received, 0),
        effects.fee_lamports,
        rent,
        effects.slot,
    )


def truth_of_move(world: World, after: World, effects: Effects, move: Move) -> Filled | Failed:
    """The effect of a move on both ends, computed only from the two worlds."""
    payer, target, mint = effects.accounts[0], move.to_address, move.money.mint
    if effects.error is not None:
        return Failed(effects.fee_lamports, cause_of(effects.error), effects.error[:200], effects.slot)
    lamports = world.lamports.get(payer, 0) - after.lamports.get(payer, 0) - effects.fee_lamports
    if move.kind is MoveKind.RECLAIM:
        assert world.owned(payer).get(mint, 0) == after.owned(payer).get(mint, 0) == 0, move
        return Filled(0, -lamports, effects.fee_lamports, 0, effects.slot)
    if mint == SOL:
        came = after.lamports.get(target, 0) - world.lamports.get(target, 0)
        return Filled(lamports, came, effects.fee_lamports, 0, effects.slot)
    given = world.owned(payer).get(mint, 0) - after.owned(payer).get(mint, 0)
    came = after.owned(target).get(mint, 0) - world.owned(target).get(mint, 0)
    return Filled(given, came, effects.fee_lamports, lamports, effects.slot)


def _rents(world: World, owner: str) -> int:
    held = ((address, one) for address, one in world.holdings.items() if one.owner == owner)
    return sum(world.lamports[address] for address, one in held if one.mint != SOL)


def _wrapped(world: World, owner: str) -> int:
    address = account_of(Pubkey.from_string(owner), NATIVE)
    return world.lamports.get(str(address), 0)


def _run(world: World, transaction: Transaction) -> str | None:
    """Executes the instructions in place. Returns the first error as JSON."""
    for index, one in enumerate(transaction.instructions):
        try:
            _step(world, one)
        except Fault as fault:
            return custom(index, fault.args[0])
    return None


def _step(world: World, one: Instruction) -> None:
    if one.program == SYSTEM:
        if one.data[:4] != b"\x02\x00\x00\x00":
            raise Fault(12)
        _, lamports = _TRANSFER.unpack(one.data)
        _move_lamports(world, one.accounts[0], one.accounts[1], lamports)
    elif one.program == ASSOCIATED:
        payer, address, owner, mint, _, program = one.accounts
        if address not in world.holdings:
            rent, there = ACCOUNT_LAMPORTS[program], world.lamports.get(address, 0)
            _move_lamports(world, payer, address, max(0, rent - there))
            world.holdings[address] = Holding(Mint(mint), owner, program, max(0, there - rent) if mint == SOL else 0)
    elif one.program in ACCOUNT_LAMPORTS:
        _token(world, one)
    elif one.program != BUDGET:
        raise Fault(12)


def _move_lamports(world: World, source: str, target: str, lamports: int) -> None:
    if world.lamports.get(source, 0) < lamports:
        raise Fault(1)
    world.lamports[source] -= lamports
    world.lamports[target] = world.lamports.get(target, 0) + lamports


def _token(world: World, one: Instruction) -> None:
    if one.data[0] == 12:
        _transfer(world, one)
    elif one.data[0] == 17:
        address = one.accounts[0]
        holding = _holding(world, address)
        units = world.lamports[address] - ACCOUNT_LAMPORTS[holding.program]
        world.holdings[address] = structs.replace(holding, units=units)
    elif one.data[0] != 9:
        raise Fault(12)
    else:
        address, target, _ = one.accounts
        if (holding := _holding(world, address)).mint != SOL and holding.units:
            raise Fault(11)
        world.lamports[target] = world.lamports.get(target, 0) + world.lamports.pop(address)
        del world.holdings[address]


def _holding(world: World, address: str) -> Holding:
    if address not in world.holdings:
        raise Fault(3)
    return world.holdings[address]


def _transfer(world: World, one: Instruction) -> None:
    source, mint, target, authority = one.accounts
    units = _UNITS.unpack(one.data)[1]
    giver, taker = _holding(world, source), _holding(world, target)
    assert giver.mint == taker.mint == mint, one
    if giver.owner != authority:
        raise Fault(4)
    if giver.units < units:
        raise Fault(1)
    world.holdings[source] = structs.replace(giver, units=giver.units - units)
    world.holdings[target] = structs.replace(taker, units=taker.units + units)
    if mint == SOL:
        _move_lamports(world, source, target, units)


def _effects(before: World, after: World, keys: tuple[str, ...], error: str | None, fee: int, slot: int) -> Effects:
    tokens = []
    for index, key in enumerate(keys):
        old, new = before.holdings.get(key), after.holdings.get(key)
        known = new or old
        if known is not None:
            pre, post = old.units if old else 0, new.units if new else 0
            tokens.append(TokenBalance(index, known.mint, known.owner, pre, post))
    lamports = tuple(before.lamports.get(key, 0) for key in keys), tuple(after.lamports.get(key, 0) for key in keys)
    return Effects(error, fee, keys, *lamports, tuple(tokens), slot)
