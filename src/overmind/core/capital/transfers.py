"""What all moves share: the units that a wallet can send, the costs, and how a transfer is built."""

from __future__ import annotations

from overmind.core.books.book import WalletBook
from overmind.core.books.moves import move_account
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import MovePlaced
from overmind.core.model.ids import SOL, Mint, OrderId
from overmind.core.model.money import Money
from overmind.core.model.order import Move
from overmind.core.model.units import BPS, value_micros_up


def free_units(state: State, book: WalletBook, mint: Mint) -> int:
    """The units that a move may take: nothing that is held; of SOL only the float."""
    return state.ledger.balance(move_account(book, mint), mint)


def costs_lamports(state: State, receiver: WalletBook | None, mint: Mint) -> tuple[int, int]:
    """Maximum fee, and rent for the receiver's token account. An outside receiver (None) may lack the account."""
    costs = state.settings.costs
    has_account = mint == SOL or (receiver is not None and mint in receiver.token_accounts)
    return costs.fee_max_lamports, 0 if has_account else costs.rent_lamports


def can_pay(state: State, book: WalletBook, lamports: int) -> bool:
    return free_units(state, book, SOL) >= lamports


def cost_bps(state: State, receiver: WalletBook, money: Money) -> int:
    """Expected cost of a transfer of quote currency, in basis points of its amount, rounded up."""
    costs = state.settings.costs
    rent = 0 if money.mint in receiver.token_accounts else costs.rent_lamports
    return -(-state.sol_value_micros_up(costs.fee_lamports + rent) * BPS // max(1, money.units))


def notional_micros(state: State, money: Money) -> int | None:
    """Its value, rounded up; None: SOL has no price."""
    if money.mint != SOL:
        return money.units
    mark = state.marks.get(SOL)
    return value_micros_up(money.units, mark.price_pico, SOL_DECIMALS) if mark is not None else None


def transfer(
    state: State, kind: MoveKind, book: WalletBook, receiver: WalletBook, money: Money, reason: str, at_ns: int
) -> MovePlaced:
    """A transfer between two wallets of the desk, due at once."""
    fee, rent = costs_lamports(state, receiver, money.mint)
    return MovePlaced(
        Move(
            id=OrderId(f"move:{kind}:{state.moves_placed}"),
            kind=kind,
            wallet_id=book.wallet.id,
            money=money,
            to_address=receiver.wallet.public_key,
            to_wallet=receiver.wallet.id,
            notional_micros=notional_micros(state, money) or 0,
            fee_max_lamports=fee,
            rent_max_lamports=rent,
            placed_ns=at_ns,
            not_before_ns=at_ns,
            expires_at_ns=at_ns + state.settings.signal_ttl_ns,
            reason=reason,
        )
    )
