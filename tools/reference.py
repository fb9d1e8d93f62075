"""The reference tables of docs/operations.md, written from the code that they describe.

`python -m tools.reference docs/operations.md` renews them; a test holds file and code equal.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from overmind.config import describe
from overmind.core.model.codes import Code
from overmind.core.model.outcome import Cause
from overmind.core.model.refusal_units import UNITS

MEANING: Final[dict[Code, str]] = {
    Code.PORTFOLIO_STOPPED: "The portfolio holds entries, or every wallet is stopped. Lift it; see `overmind wallets`.",
    Code.WALLET_STATUS: "The wallet holds entries; `actual` names its status and holds.",
    Code.WALLET_TYPE: "Emergency wallets receive and reduce; they take no entries.",
    Code.WALLET_EXCLUDED: "The signal excluded it, or multi-wallet trading is off and it is not the default wallet.",
    Code.STRATEGY_NOT_ENABLED: "The wallet has no share for the strategy, or the strategy is paused.",
    Code.SIGNAL_STALE: "The time to live was over when it was decided.",
    Code.SIGNAL_FROM_FUTURE: "Its timestamp is ahead of our clock: check the sender's clock.",
    Code.SELECTION_TIMEOUT: "It waited longer at our door than OVERMIND_WALLET_SELECTION_TIMEOUT_MS.",
    Code.PRICE_MISSING: "The token named by `actual`, or SOL, has never been priced.",
    Code.PRICE_STALE: "The newest mark is older than OVERMIND_MARK_AGE_MAX_MS (on a tape: two candles).",
    Code.SLIPPAGE_CEILING: "The signal allows more slippage than the desk does.",
    Code.PRICE_IMPACT: "The order is expected to move the price beyond the desk's ceiling: make it smaller.",
    Code.MINT_NOT_ADMITTED: "The token is not listed.",
    Code.MINT_BLOCKED: "An operator blocked it, or allows others only; see `overmind mints`.",
    Code.AMOUNT_OUT_OF_RANGE: "The amount comes to nothing, or to more than any desk trades.",
    Code.VOLATILITY_UNKNOWN: "Too few marks, or only equal ones, to size by volatility; see `volatility_horizon_ms`.",
    Code.STOP_DISTANCE_UNKNOWN: "Sizing by the stop needs the signal's stop loss or the wallet's; both are none.",
    Code.SIZE_TOO_SMALL: "What the risk budget may buy, by the limits named, is under OVERMIND_SIZING_MIN_USD.",
    Code.RISK_LEVEL: "The wallet's risk level is above the signal's tolerance.",
    Code.DAILY_LOSS: "The wallet's loss limit of this UTC day is used up.",
    Code.DAILY_LOSS_HEADROOM: "What this order could lose (by the wallet's stop loss, else its own), with what is in "
    "flight, does not fit what is left.",
    Code.ASSET_COOLDOWN: "The wallet's stop loss sold this token so shortly ago; see OVERMIND_STOP_COOLDOWN_SEC.",
    Code.TRADES_TODAY: "The wallet's trades of this UTC day are used up; open entries count.",
    Code.PORTFOLIO_TRADES: "The trades of all wallets in this UTC day are used up; see OVERMIND_DAY_TRADES_MAX.",
    Code.CONCURRENT_POSITIONS: "The wallet has as many positions, opening ones included, as it may have.",
    Code.POSITION_SIZE: "The position after the trade would be larger than the wallet's limit.",
    Code.STRATEGY_POSITION_SIZE: "The strategy's part of the position would be larger than its limit.",
    Code.STRATEGY_SHARE: "The strategy would deploy more than its share of the wallet's equity.",
    Code.INSUFFICIENT_QUOTE: "Not enough free USDC.",
    Code.INSUFFICIENT_TOKENS: "Nothing, or not enough, to sell: the desk does not sell short.",
    Code.INSUFFICIENT_SOL: "Not enough SOL for fee and rent; entries also leave OVERMIND_RESERVE_FLOAT_SOL.",
    Code.WALLET_EXPOSURE: "Positions and held buys would exceed the wallet's share of equity.",
    Code.PORTFOLIO_EXPOSURE: "Positions and held buys would exceed the portfolio's share of equity.",
    Code.ASSET_CONCENTRATION: "Too much of the portfolio in one asset.",
    Code.STRATEGY_CONCENTRATION: "Too much of the portfolio in one strategy; see OVERMIND_STRATEGY_MAX_PERCENT.",
    Code.PORTFOLIO_POSITIONS: "As many different assets are held or being bought as OVERMIND_POSITIONS_MAX allows.",
    Code.RATE_LIMIT: "The wallet took as many signals within a second as it may.",
}

CAUSES: Final[dict[Cause, str]] = {
    Cause.SLIPPAGE: "The price moved beyond the allowed slippage.",
    Cause.LIMIT_PRICE: "The market does not reach the limit price.",
    Cause.NO_LIQUIDITY: "The pool is too small for the order.",
    Cause.PRICE_IMPACT: "The order would move the price too far.",
    Cause.QUOTE_OFF_MARK: "The quote is too far from the journaled price.",
    Cause.PRICE_UNAVAILABLE: "There is no fresh price to check the quote by.",
    Cause.BAD_QUOTE: "The quote is not for this order, or guarantees less than it must.",
    Cause.STOPPED: "A stop came before anything was sent.",
    Cause.SIGNAL_EXPIRED: "The time to live was over before anything was sent.",
    Cause.WALLET_FUNDS: "The wallet could not pay; another one is tried.",
    Cause.ROUTE_DOWN: "The wallet's route did not answer; another one is tried.",
    Cause.NOT_VERIFIED: "What was offered for signing does not do what was ordered. Look at who offers it.",
    Cause.REVERTED: "The chain undid it, or said before that it would; the detail has its error.",
    Cause.NO_KEY: "The wallet is not configured any more, so nothing can be signed for it.",
    Cause.NOT_CONFIRMED: "A mark made an exit due and no quote shows that price: one bad mark sells nothing.",
    Cause.NO_PROTECTED_ROUTE: "MEV protection is a must here, and the cluster has no route for it.",
    Cause.CANCELLED: "An operator cancelled the move before it was begun.",
    Cause.NOT_ALLOWED: "A withdrawal to an address that is not listed any more, or while the cap of the day is 0.",
}


def variables_table() -> str:
    lines = ["| variable | unit | default | bounds | meaning |", "|---|---|---|---|---|"]
    for row in describe():
        meaning = f"{row.meaning} Secret." if row.secret else row.meaning
        cells = (f"`{row.name}`", row.unit, row.default, row.bounds, meaning)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def codes_table() -> str:
    lines = ["| code | unit of limit and actual | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{code}` | {UNITS[code]} | {MEANING[code]} |" for code in Code)])


def causes_table() -> str:
    lines = ["| cause | of the wallet | meaning |", "|---|---|---|"]
    rows = (f"| `{cause}` | {'yes' if cause.of_wallet else ''} | {CAUSES[cause]} |" for cause in Cause)
    return "\n".join([*lines, *rows])


TABLES: Final = {"variables": variables_table, "codes": codes_table, "causes": causes_table}


def renewed(document: str) -> str:
    """The document with every table between `<!-- name -->` and `<!-- /name -->` written anew."""
    for name, table in TABLES.items():
        head, rest = document.split(f"<!-- {name} -->", 1)
        _, tail = rest.split(f"<!-- /{name} -->", 1)
        document = f"{head}<!-- {name} -->\n{table()}\n<!-- /{name} -->{tail}"
    return document


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
