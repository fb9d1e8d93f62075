"""Buys a token while its price rises, and sells it when the rise is over. Ctrl-C ends it.

    make clients
    pip install build/clients/python
    DESK_URL=http://127.0.0.1:8080 DESK_TOKEN=… python examples/momentum_bot.py SOL --usd 500

    overmind backtest TAPE --bot "examples/momentum_bot.py SOL --usd 500"

At each bar it compares the desk's price with that of `--lookback` bars ago: strategies.py has the formula. After a
start it has to watch for that long first. Every signal has the id of its bar, so a bar is decided once, however often
the bot is restarted or asks again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal

from bot import Desk, count, positive, submit
from strategies import momentum

STRATEGY = "MomentumTrading"  # the desk keeps apart what each strategy owns


class Momentum:
    def __init__(self, asked: argparse.Namespace) -> None:
        self.bar_s: int = asked.bar
        self._asked = asked
        self._seen: dict[int, Decimal] = {}  # price by time of the bar

    def on_bar(self, desk: Desk, at_s: int) -> None:
        asked, symbol = self._asked, self._asked.symbol
        price = desk.prices().get(symbol)
        if price is None:
            desk.say(f"the desk has no price of {symbol} that it believes; waiting")
            return
        first_s = at_s - asked.lookback * self.bar_s
        self._seen = {one: kept for one, kept in self._seen.items() if one >= first_s} | {at_s: price}
        before = self._seen.get(first_s)
        if before is None:
            desk.say(f"{symbol} {price:.4f}: watching until a price of {asked.lookback} bars ago is known")
            return
        holdings = desk.holdings(STRATEGY)
        if holdings is None:
            desk.say("an order of the last bar is still open; waiting")
            return
        held = holdings.get(symbol, Decimal(0))
        desk.say(f"{symbol} {price:.4f}, {price / before - 1:+.2%} over {asked.lookback} bars, holding {held}")
        trade = momentum(symbol, price, before, held > 0, asked.usd, asked.enter)
        if trade is not None:
            submit(desk, asked.name, STRATEGY, trade, at_s)


def bot(words: Sequence[str]) -> Momentum:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("symbol", nargs="?", default="SOL")
    parser.add_argument("--usd", type=positive, default=Decimal(500), help="of a purchase (default: %(default)s)")
    parser.add_argument("--bar", type=count, default=300, help="seconds of a bar (default: %(default)s)")
    parser.add_argument("--lookback", type=count, default=12, help="bars to look back (default: %(default)s)")
    parser.add_argument(
        "--enter", type=positive, default=Decimal("0.005"), help="return to buy at (default: %(default)s)"
    )
    parser.add_argument("--name", default="momentum", help="that its signal ids begin with (default: %(default)s)")
    return Momentum(parser.parse_args(words))


if __name__ == "__main__":
    from patience import run

    run(bot(sys.argv[1:]))
