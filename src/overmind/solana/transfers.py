"""Builds our own transactions for moves of capital, and settles them.

The firewall checks them like any other before they are signed. The compute limit differs from move to move, so that
two equal moves on one blockhash are two transactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from overmind.core.model.enums import MoveKind
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Move
from overmind.core.model.outcome import Failed, Filled
from overmind.ports import Effects
from overmind.solana import tokens as programs
from overmind.solana.settlement import DETAIL_CHARS_MAX, Unsettled, cause_of
from overmind.solana.transactions import SIGNATURE_BYTES

UNITS: Final = 60_000  # one new token account and one transfer, with room for costly address derivation
UNIT_PRICE_MICRO: Final = 50_000
_STEPS: Final = 4_096  # variations of the limit


def account_of(owner: str, token: Token) -> str:
    program = programs.TOKEN_PROGRAMS[token.program]
    return str(programs.ata(Pubkey.from_string(owner), Pubkey.from_string(token.mint), program))


def build(move: Move, owner: str, tokens: Mapping[Mint, Token], blockhash: str) -> bytes:
    """The unsigned transaction; `owner` is its only signer."""
    limit = UNITS - int.from_bytes(blake2b(move.id.encode(), digest_size=8).digest()) % _STEPS
    instructions = [
        set_compute_unit_limit(limit),
        set_compute_unit_price(UNIT_PRICE_MICRO),
        *_instructions(move, Pubkey.from_string(owner), tokens),
    ]
    message = MessageV0.try_compile(Pubkey.from_string(owner), instructions, [], Hash.from_string(blockhash))
    return bytes([1]) + bytes(SIGNATURE_BYTES) + to_bytes_versioned(message)


def _instructions(move: Move, owner: Pubkey, tokens: Mapping[Mint, Token]) -> list[Instruction]:
    target, units = Pubkey.from_string(move.to_address), move.money.units
    if move.money.mint == SOL:
        return [programs.system_transfer(owner, target, units)]
    token = tokens[move.money.mint]
    program, mint = programs.TOKEN_PROGRAMS[token.program], Pubkey.from_string(token.mint)
    account = programs.ata(owner, mint, program)
    if move.kind is MoveKind.RECLAIM:
        return [programs.close_account(account, owner, owner, program)]
    their = programs.ata(target, mint, program)
    return [
        programs.create_ata_idempotent(owner, target, mint, program),
        programs.transfer_checked(account, mint, their, owner, units, token.decimals, program),
    ]


def settle_move(effects: Effects, move: Move, owner: str, tokens: Mapping[Mint, Token]) -> Filled | Failed:
    """The outcome from the changed balances, which must match the move to the unit. Raises Unsettled."""
    if effects.error is not None:
        return Failed(effects.fee_lamports, cause_of(effects.error), effects.error[:DETAIL_CHARS_MAX], effects.slot)
    gained = _BalanceChanges(effects)
    if move.kind is MoveKind.RECLAIM:
        return _reclaimed(gained, move, owner, tokens, effects)
    lost, fee, units = -gained.lamports(owner) - effects.fee_lamports, effects.fee_lamports, move.money.units
    if move.money.mint == SOL:
        _expect("lamports left", lost, units)
        gained.expect({owner: -units - fee, move.to_address: units}, {})
        return Filled(units, units, fee, 0, effects.slot)
    account = account_of(move.to_address, _listed(move.money.mint, tokens))
    rent = gained.lamports(account)
    if rent < 0:
        raise Unsettled(f"{account} lost {-rent} lamports")
    _expect("lamports left as rent", lost, rent)
    given = {(owner, move.money.mint): -units, (move.to_address, move.money.mint): units}
    gained.expect({owner: -rent - fee, account: rent}, given)
    return Filled(units, units, fee, rent, effects.slot)


def _reclaimed(
    gained: _BalanceChanges, move: Move, owner: str, tokens: Mapping[Mint, Token], effects: Effects
) -> Filled | Failed:
    """The account's whole rent must have come to its owner, and nothing else may have moved."""
    account, fee = account_of(owner, _listed(move.money.mint, tokens)), effects.fee_lamports
    came = gained.lamports(owner) + fee
    if came <= 0 or gained.left(account):
        raise Unsettled(f"closing {account} brought {came} lamports and left {gained.left(account)}")
    gained.expect({owner: came - fee, account: -came}, {})
    return Filled(0, came, fee, 0, effects.slot)


def _listed(mint: Mint, tokens: Mapping[Mint, Token]) -> Token:
    """Raises Unsettled if the token is no longer listed: then its account cannot be derived."""
    if mint not in tokens:
        raise Unsettled(f"{mint} is not a listed token any more")
    return tokens[mint]


def _expect(what: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise Unsettled(f"{found} {what}, and {wanted} had to")


class _BalanceChanges:
    """The change of every account's balances."""

    def __init__(self, effects: Effects) -> None:
        changes = zip(effects.accounts, effects.pre_lamports, effects.post_lamports, strict=True)
        self._lamports = {account: post - pre for account, pre, post in changes if post != pre}
        self._left = dict(zip(effects.accounts, effects.post_lamports, strict=True))
        self._tokens: dict[tuple[str, Mint], int] = {}
        for one in effects.tokens:
            key = (one.owner, one.mint)
            self._tokens[key] = self._tokens.get(key, 0) + one.post_units - one.pre_units

    def lamports(self, account: str) -> int:
        return self._lamports.get(account, 0)

    def left(self, account: str) -> int:
        return self._left.get(account, 0)

    def expect(self, lamports: Mapping[str, int], tokens: Mapping[tuple[str, Mint], int]) -> None:
        """Requires exactly these changes, over all accounts. Raises Unsettled."""
        wanted = {account: units for account, units in lamports.items() if units}
        changed = {key: units for key, units in self._tokens.items() if units}
        if self._lamports != wanted:
            raise Unsettled(f"it changed the lamports of {self._lamports}, wanted was {wanted}")
        if changed != tokens:
            raise Unsettled(f"it changed {changed}, wanted was {dict(tokens)}")
