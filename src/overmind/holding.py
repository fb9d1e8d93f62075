"""What an operator names, as the core knows it: a wallet, a strategy or the portfolio; a position by its symbol."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from overmind.core.holds import holds_of
from overmind.core.messages import CommandRefused, Scope
from overmind.core.model import Mint, StrategyType, WalletId
from overmind.core.state import State
from overmind.tables import STRATEGIES

OPERATOR: Final = "operator"
PORTFOLIO: Final = "portfolio"


def scope_of(state: State, target: str) -> Scope:
    """A wallet's name comes first: its owner chose it. Raises CommandRefused for what is neither."""
    if WalletId(target) in state.wallets:
        return Scope(WalletId(target))
    if target.lower() == PORTFOLIO:
        return Scope()
    strategy = STRATEGIES.get(target.lower())
    if strategy is None:
        known = f"{', '.join(state.wallets)}; {', '.join(StrategyType)}; {PORTFOLIO}"
        raise CommandRefused(f"{target!r} is no wallet and no strategy; known: {known}")
    return Scope(strategy=strategy)


def path_of(scope: Scope) -> str:
    """Where the HTTP API has it."""
    if scope.wallet_id is not None:
        return f"/v1/wallets/{quote(scope.wallet_id, safe='')}"
    return f"/v1/strategies/{scope.strategy}" if scope.strategy is not None else "/v1/portfolio"


def holds_on(state: State, scope: Scope) -> list[str]:
    return sorted(holds_of(state, scope))


def mint_held(state: State, wallet_id: WalletId, token: str) -> Mint:
    """Of a position, by symbol in any case or by mint. Raises CommandRefused."""
    book = state.wallets.get(wallet_id)
    if book is None:
        raise CommandRefused(f"no wallet {wallet_id!r}; known: {', '.join(state.wallets)}")
    for mint, position in book.positions.items():
        if token == mint or token.upper() == position.token.symbol.upper():
            return mint
    held = ", ".join(position.token.symbol for position in book.positions.values()) or "nothing"
    raise CommandRefused(f"wallet {wallet_id} holds no {token!r}; it holds {held}")
