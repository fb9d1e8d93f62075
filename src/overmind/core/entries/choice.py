"""What one choice comes to: the wallet, its route, and why."""

from __future__ import annotations

from typing import NamedTuple

from overmind.core.books.book import WalletBook
from overmind.core.model.route import RouteName
from overmind.core.model.selection import Advice, CostTerms


class Choice(NamedTuple):
    book: WalletBook
    terms: CostTerms
    candidates: int  # the number of wallets that it was compared with
    advice: Advice | None = None
    route: RouteName = RouteName.PUBLIC
