"""Which wallet the desk would choose now for an entry of a given strategy and size. Reserves and records nothing.

The answer comes from `decide`, the same function that the engine uses for a signal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from decimal import ROUND_CEILING, Decimal
from typing import Final

from overmind.core.books.state import State
from overmind.core.books.trust import fresh_price_pico
from overmind.core.decide import decide
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.explain import Candidate, entry_candidates
from overmind.core.model.codes import Refusal
from overmind.core.model.commands import SubmitSignal
from overmind.core.model.defaults import WALLET_TYPES
from overmind.core.model.enums import StrategyType, TradeAction, WalletType
from overmind.core.model.events import OrderPlaced, SignalRefused
from overmind.core.model.ids import SOL, Mint, SignalId, WalletId
from overmind.core.model.numbers import decimal_of, scaled_down
from overmind.core.model.selection import CostTerms
from overmind.core.model.signal import Signal
from overmind.core.model.units import NOTIONAL_MAX_MICROS
from overmind.core.model.value import Value
from overmind.signals.decode import SPELLINGS, token_index
from overmind.signals.validation import FieldReader
from overmind.views.decisions import decision_of
from overmind.views.refusals import shown

PROBE: Final = SignalId("select:")  # The colon keeps signals from outside from having this id.
BALANCE_MAX: Final = decimal_of(NOTIONAL_MAX_MICROS, 6)
REFUSALS_SHOWN_MAX: Final = 8

Number = Decimal | float | int | str


@dataclasses.dataclass(frozen=True, init=False)
class WalletSelectionCriteria:
    """An entry to find a wallet for. Raises ValueError with all problems at once.

    The token is optional. Without a `symbol` the listed tokens with a fresh price are tried, SOL first and then by
    symbol; the first one that the desk would enter is used. `WalletSelection.symbol` names it.
    """

    strategy_type: StrategyType
    required_balance: Decimal  # USD, a fraction of a micro-USD rounded up
    risk_tolerance: Decimal  # 0 to 1, in millionths, rounded down
    preferred_wallet_type: WalletType | None
    exclude_wallets: tuple[WalletId, ...]
    symbol: str | None

    def __init__(
        self,
        strategy_type: StrategyType | str,
        required_balance: Number,
        risk_tolerance: Number,
        preferred_wallet_type: WalletType | str | None = None,
        exclude_wallets: Iterable[str] = (),
        symbol: str | None = None,
    ) -> None:
        excluded = exclude_wallets if isinstance(exclude_wallets, str) else tuple(exclude_wallets)
        given = {
            "strategy_type": strategy_type,
            "required_balance": required_balance,
            "risk_tolerance": risk_tolerance,
            "preferred_wallet_type": preferred_wallet_type,
            "exclude_wallets": excluded,
        }
        form = FieldReader(given)
        strategy, tolerance = form.choice("strategy_type", SPELLINGS), form.share("risk_tolerance")
        balance = form.number("required_balance", Decimal(0), BALANCE_MAX)
        preferred, exclude = form.choice("preferred_wallet_type", WALLET_TYPES), form.ids("exclude_wallets")
        for field in ("strategy_type", "required_balance", "risk_tolerance"):
            if given[field] is None:
                form.refuse(field, "missing", "Give it")
        if form.problems or strategy is None or balance is None or tolerance is None:
            raise ValueError("; ".join(f"{one.field}: {one.problem}. {one.fix}" for one in form.problems))
        values = {
            "strategy_type": strategy,
            "required_balance": balance.quantize(Decimal("0.000001"), ROUND_CEILING),
            "risk_tolerance": decimal_of(tolerance, 6),
            "preferred_wallet_type": preferred,
            "exclude_wallets": tuple(map(WalletId, exclude)),
            "symbol": symbol,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def signal(self, mint: Mint) -> Signal:
        """The signal for this entry in one token."""
        return Signal(
            id=PROBE,
            strategy=self.strategy_type,
            action=TradeAction.BUY,
            mint=mint,
            risk_tolerance_ppm=scaled_down(self.risk_tolerance, 6),
            notional_micros=scaled_down(self.required_balance, 6),
            preferred_type=self.preferred_wallet_type,
            exclude=self.exclude_wallets,
        )


class WalletSelection(Value, frozen=True):
    """The wallet with the lowest expected cost among those that may take the entry."""

    wallet_id: WalletId
    wallet_type: WalletType
    selection_reason: str
    expected_cost_bps: float
    terms: CostTerms
    symbol: str  # the token of the entry
    candidates: tuple[Candidate, ...]  # every wallet with its cost or refusals, including the chosen one

    @property
    def losers(self) -> tuple[Candidate, ...]:
        """The wallets that were not chosen: refused or more expensive."""
        return tuple(one for one in self.candidates if one.wallet_id != self.wallet_id)


class NoEligibleWallet(Exception):
    """No wallet may take the entry. `refusals` has all the reasons, those of the closest wallet first."""

    def __init__(self, criteria: WalletSelectionCriteria, symbol: str, refused: SignalRefused) -> None:
        self.criteria = criteria
        self.symbol = symbol
        self.refusals: tuple[Refusal, ...] = refused.refusals
        self.unlisted = refused.unlisted
        reasons = [_in_words(refusal) for refusal in self.refusals[:REFUSALS_SHOWN_MAX]]
        more = len(self.refusals) - len(reasons)
        super().__init__(
            f"no wallet may take {criteria.required_balance.normalize():f} USD of {criteria.strategy_type} in {symbol}"
            f" at risk tolerance {criteria.risk_tolerance.normalize():f}: {'; '.join(reasons)}"
            f"{f'; and {more} more' if more else ''}"
        )


def select(state: State, index: SelectionIndex, criteria: WalletSelectionCriteria, at_ns: int) -> WalletSelection:
    """Raises NoEligibleWallet; ValueError for a symbol that is not listed or an excluded wallet that does not exist."""
    if unknown := [one for one in criteria.exclude_wallets if one not in state.wallets]:
        raise ValueError(f"exclude_wallets: no wallet {', '.join(unknown)}; known are {', '.join(state.wallets)}")
    refused: NoEligibleWallet | None = None
    for symbol, mint in _tokens(state, criteria, at_ns):
        signal = criteria.signal(mint)
        answers = decide(state, index, SubmitSignal(signal, at_ns), at_ns)
        answer = next(event for event in answers if isinstance(event, OrderPlaced | SignalRefused))
        if isinstance(answer, OrderPlaced):
            return _selection(state, answer, symbol, at_ns)
        refused = refused or NoEligibleWallet(criteria, symbol, answer)
    assert refused is not None, criteria
    raise refused


def _tokens(state: State, criteria: WalletSelectionCriteria, at_ns: int) -> Iterator[tuple[str, Mint]]:
    """The tokens to try, in order. At least one, so that a refusal can say what is missing."""
    tokens = state.settings.tokens
    if criteria.symbol is not None:
        token = token_index(tokens.values()).get(criteria.symbol.upper())
        if token is None:
            raise ValueError(f"symbol {criteria.symbol!r} is not listed; known are {', '.join(_symbols(state))}")
        yield token.symbol, token.mint
        return
    listed = sorted(tokens.values(), key=lambda token: (token.mint != SOL, token.symbol))
    fresh = [token for token in listed if fresh_price_pico(state, token.mint, at_ns) is not None]
    for token in fresh:
        yield token.symbol, token.mint
    if not fresh:
        yield "SOL", SOL


def _symbols(state: State) -> list[str]:
    return [token.symbol for token in state.settings.tokens.values()]


def _selection(state: State, placed: OrderPlaced, symbol: str, at_ns: int) -> WalletSelection:
    wallet_id, terms = placed.order.wallet_id, placed.selection.terms
    return WalletSelection(
        wallet_id=wallet_id,
        wallet_type=state.wallets[wallet_id].wallet.type,
        selection_reason=decision_of((placed,)).selection_reason,
        expected_cost_bps=terms.total,
        terms=terms,
        symbol=symbol,
        candidates=entry_candidates(state, placed.signal, at_ns),
    )


def _in_words(refusal: Refusal) -> str:
    one = shown(refusal)
    return f"{refusal.wallet_id or 'desk'} {refusal.code} (limit {one['limit']}, actual {one['actual']} {one['unit']})"
