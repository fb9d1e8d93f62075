"""Refusals as short stories: who wanted what, which limit of which wallet said no, and what would have come of it.

For each rule the largest order is told. What would have come of a purchase is its gain or loss had it been bought at
the price of that moment and held until the end of the tape, without costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from overmind.clock.instants import iso_seconds
from overmind.core.control.breakers import DAY_LOSS
from overmind.core.control.holds import DAY_TRADES
from overmind.core.entries.admission import NOT_LISTED
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import TradeAction
from overmind.core.model.ids import WalletId
from overmind.core.model.mints import Flaw
from overmind.core.model.signal import Signal
from overmind.core.model.value import Value
from overmind.prices.tape import Tape
from overmind.text.amount import Amount
from overmind.views.amounts import dollars, token_of, usd_of
from overmind.views.decisions import Decision, DecisionStatus
from overmind.views.refusals import in_words, shown

ON_PAPER: Final = "looks at no mint"  # as the desk says it where it has no chain
# What the rule of a code said, with {wallet}, {limit} and {actual}. Any other code is told by its numbers.
SAID: Final[Mapping[Code, str]] = {
    Code.POSITION_SIZE: "{wallet} may hold {limit} of one token, and would have held {actual}.",
    Code.STRATEGY_POSITION_SIZE: "It may hold {limit} of one token in {wallet}, and would have held {actual}.",
    Code.WALLET_STATUS: "{wallet} took no entries: {actual}.",
    Code.TRADES_TODAY: "{wallet} had made its {limit} trades of the day.",
    Code.CONCURRENT_POSITIONS: "{wallet} may hold {limit} tokens at once, and this is one more.",
    Code.SIGNAL_STALE: "It came {actual} late, and lives {limit}. A price of then is no price of now.",
    Code.MINT_NOT_ADMITTED: "No list has this token, and {actual}.",
    Code.PRICE_IMPACT: "It would have moved the price by {actual}, and {limit} is the most.",
    Code.DAILY_LOSS_HEADROOM: "It could have lost {actual}, and {limit} was left of the day's limit of {wallet}.",
    Code.DAILY_LOSS: "{wallet} had lost {actual} that day, and {limit} is the most.",
    Code.WALLET_EXPOSURE: "{wallet} may have {limit} of its equity in tokens, and would have had {actual}.",
    Code.INSUFFICIENT_QUOTE: "{wallet} had {limit} of cash left.",
}


# What a text of a refusal means, by a word that it holds.
IN_WORDS: Final = (
    (DAY_TRADES, "no trade of the day was left"),
    (DAY_LOSS, "its loss of the day was reached"),
    (Flaw.MINT_AUTHORITY.value, "whoever made it can make any amount more of it"),
    (ON_PAPER, "paper has no chain on which the desk could look at it"),
    (NOT_LISTED, "this strategy buys listed tokens alone"),
)


class Story(Value, frozen=True):
    code: str
    signals: int  # that this rule refused first
    signal_id: str  # of the one that is told
    at: str
    strategy: str
    symbol: str
    wanted_usd: Amount | None  # None: a sale that names no dollars
    wallet_id: WalletId | None  # the wallet that came closest; None: the rule holds for all
    told: str
    would_usd: Amount | None  # what the purchase would have come to by the end; None: nobody can know


class Stories:
    """Hears every answer, and remembers one refusal for each rule."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._counts: Counter[Code] = Counter()
        self._largest: dict[Code, tuple[Signal, Refusal, int]] = {}

    def hear(self, signal: Signal, decision: Decision, at_ns: int) -> None:
        """`at_ns`: when it came."""
        if decision.status is not DecisionStatus.REFUSED:
            return
        first = decision.refusals[0]
        self._counts[first.code] += 1
        known = self._largest.get(first.code)
        if known is None or (signal.notional_micros or 0) > (known[0].notional_micros or 0):
            self._largest[first.code] = signal, first, at_ns

    def told(self, desk: Desk) -> list[Story]:
        """The largest order first."""
        found = sorted(self._largest.items(), key=lambda item: (-(item[1][0].notional_micros or 0), item[0]))
        return [self._story(desk, code, *told) for code, told in found]

    def _story(self, desk: Desk, code: Code, signal: Signal, refusal: Refusal, at_ns: int) -> Story:
        token, wanted = token_of(desk, signal.mint), signal.notional_micros
        return Story(
            code=code.value,
            signals=self._counts[code],
            signal_id=signal.id,
            at=iso_seconds(at_ns),
            strategy=signal.strategy.value,
            symbol=token.symbol if token is not None else f"{signal.mint[:6]}…",
            wanted_usd=None if wanted is None else usd_of(wanted),
            wallet_id=refusal.wallet_id,
            told=_said(refusal),
            would_usd=self._would(signal, at_ns),
        )

    def _would(self, signal: Signal, at_ns: int) -> Amount | None:
        series, wanted = self._tape.series.get(signal.mint), signal.notional_micros
        if signal.action is not TradeAction.BUY or series is None or wanted is None:
            return None
        then = series.tick(at_ns)
        return None if then is None else usd_of(wanted * series.close_pico[-1] // then.price_pico - wanted)


def _said(refusal: Refusal) -> str:
    """In words, as far as there are some for the code."""
    row = shown(refusal)
    text = SAID.get(refusal.code)
    if text is None:
        return f"{in_words(row)}."
    limit, actual = (_worded(number, row["unit"]) for number in (row["limit"], row["actual"]))
    actual = next((words for sign, words in IN_WORDS if sign in actual), actual)
    said = text.format(wallet=refusal.wallet_id or "the desk", limit=limit, actual=actual)
    return said[0].upper() + said[1:] if refusal.wallet_id is None else said


def _worded(amount: object, unit: str) -> str:
    match amount, unit:
        case Amount(), "usd":
            return dollars(amount)
        case int() | float(), "ms":
            return f"{amount / 1_000:,.0f} s"
        case int() | float(), "percent":
            return f"{amount:,.0f} %"
        case int() | float(), "bps":
            return f"{amount / 100:,.2f} %"
        case _:
            return str(amount)
