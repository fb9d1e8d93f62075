"""Buys a token while its price rises, and sells it when the rise is over. Ctrl-C ends it.

    make clients
    pip install build/clients/python
    DESK_URL=http://127.0.0.1:8080 DESK_TOKEN=… python examples/momentum_bot.py SOL --usd 500

At each bar it compares the desk's price with that of `--lookback` bars ago: strategies.py has the formula. After a
start it has to watch for that long first. Every signal has the id of its bar, so a bar is decided once, however often
the bot is restarted or asks again.
"""

from __future__ import annotations

import argparse
from decimal import Decimal

from patience import bars, believed_prices, connected, count, positive, run, say, settled_holdings, submit
from strategies import momentum

STRATEGY = "MomentumTrading"  # the desk keeps apart what each strategy owns


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("symbol", nargs="?", default="SOL")
    parser.add_argument("--usd", type=positive, default=Decimal(500), help="of a purchase (default: %(default)s)")
    parser.add_argument("--bar", type=count, default=300, help="seconds of a bar (default: %(default)s)")
    parser.add_argument("--lookback", type=count, default=12, help="bars to look back (default: %(default)s)")
    parser.add_argument(
        "--enter", type=positive, default=Decimal("0.005"), help="return to buy at (default: %(default)s)"
    )
    parser.add_argument("--name", default="momentum", help="that its signal ids begin with (default: %(default)s)")
    return parser.parse_args()


def main() -> None:
    asked, desk = arguments(), connected()
    seen: dict[int, Decimal] = {}  # price by bar
    for bar in bars(asked.bar):
        price = believed_prices(desk).get(asked.symbol)
        if price is None:
            say(f"the desk has no price of {asked.symbol} that it believes; waiting")
            continue
        seen = {one: kept for one, kept in seen.items() if one >= bar - asked.lookback} | {bar: price}
        before = seen.get(bar - asked.lookback)
        if before is None:
            say(f"{asked.symbol} {price:.4f}: watching until a price of {asked.lookback} bars ago is known")
            continue
        holdings = settled_holdings(desk, STRATEGY)
        if holdings is None:
            say("an order of the last bar is still open; waiting")
            continue
        held = holdings.get(asked.symbol, Decimal(0))
        say(f"{asked.symbol} {price:.4f}, {price / before - 1:+.2%} over {asked.lookback} bars, holding {held}")
        trade = momentum(asked.symbol, price, before, held > 0, asked.usd, asked.enter)
        if trade is not None:
            submit(desk, asked.name, STRATEGY, trade, bar * asked.bar)


if __name__ == "__main__":
    run(main)
