"""The capital that a desk on paper starts with, as deposits."""

from __future__ import annotations

from typing import Final

from overmind.config import MultiWalletConfig
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.books.trust import doubt_text
from overmind.core.model.commands import CommandRefused, RecordDeposit
from overmind.core.model.ids import SOL, DepositId
from overmind.core.model.money import Money
from overmind.core.model.units import LAMPORTS, PPM, ppm_of, units_of, value_micros

FLOAT_LAMPORTS: Final = LAMPORTS  # SOL for fees and rent that a paper wallet starts with
FLOAT_SHARE_MAX_PPM: Final = 100_000  # at most a tenth of a small wallet's capital


def paper_deposits(state: State, config: MultiWalletConfig) -> list[RecordDeposit]:
    """The paper capital, split by allocation (evenly if no wallet has one); each wallet gets its share once for ever.

    Part of the share is SOL for fees, the rest is quote currency. The total never exceeds the configured capital: other
    allocations at a later start create no new money.
    """
    mark, wallets = state.marks.get(SOL), config.wallets
    if mark is None and (doubted := state.doubted.get(SOL)) is not None:
        raise CommandRefused(f"paper capital needs a price of SOL that is believed: {doubt_text(state, doubted)}")
    if mark is None:
        raise CommandRefused("paper capital needs a price of SOL: check OVERMIND_PRICE_TAPE")
    allocated = sum(wallet.wallet.allocation_ppm for wallet in wallets.values())
    deposits: list[RecordDeposit] = []
    left = max(0, config.paper_capital_micros - state.deposited_micros)
    for wallet_id, wallet in wallets.items():
        if f"paper:{wallet_id}:cash" in state.deposits:
            continue
        share_ppm = wallet.wallet.allocation_ppm if allocated else PPM // len(wallets)
        capital = min(left, ppm_of(config.paper_capital_micros, share_ppm))
        left -= capital
        lamports = min(FLOAT_LAMPORTS, units_of(ppm_of(capital, FLOAT_SHARE_MAX_PPM), mark.price_pico, SOL_DECIMALS))
        cash = capital - value_micros(lamports, mark.price_pico, SOL_DECIMALS)
        sides = (("float", Money(lamports, SOL)), ("cash", Money(cash, config.desk.quote.mint)))
        for name, money in sides:
            deposit_id = DepositId(f"paper:{wallet_id}:{name}")
            if money.units and deposit_id not in state.deposits:
                deposits.append(RecordDeposit(deposit_id, wallet_id, money, to_float=name == "float"))
    return deposits
