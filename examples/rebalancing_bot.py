"""Keeps each token at its weight of the desk's equity, within a band. Ctrl-C ends it.

    make clients
    pip install build/clients/python
    DESK_URL=http://127.0.0.1:8080 DESK_TOKEN=… python examples/rebalancing_bot.py SOL=0.01 ETH=0.01 BTC=0.005

A weight of 0.01 is one percent of the equity; what the weights leave stays cash. strategies.py has the formula. Every
signal has the id of its bar and token, so a bar is decided once, however often the bot is restarted or asks again.
"""

from __future__ import annotations

import argparse
from decimal import Decimal

from patience import answered, bars, believed_prices, connected, count, positive, run, say, settled_holdings, submit
from strategies import rebalancing

STRATEGY = "AIDecision"  # the desk keeps apart what each strategy owns: this one is the bot's alone


def weight(text: str) -> tuple[str, Decimal]:
    symbol, _, share = text.partition("=")
    found = Decimal(0) if share == "0" else positive(share)
    if not symbol or found > 1:
        raise ValueError(text)
    return symbol, found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=weight, nargs="+", metavar="TOKEN=WEIGHT", help="such as SOL=0.01")
    parser.add_argument(
        "--band", type=positive, default=Decimal("0.2"), help="share of the target (default: %(default)s)"
    )
    parser.add_argument("--bar", type=count, default=300, help="seconds between two looks (default: %(default)s)")
    parser.add_argument("--name", default="rebalance", help="that its signal ids begin with (default: %(default)s)")
    return parser.parse_args()


def main() -> None:
    asked, desk = arguments(), connected()
    weights = dict(asked.weights)
    for bar in bars(asked.bar):
        prices, holdings = believed_prices(desk), settled_holdings(desk, STRATEGY)
        unknown = sorted(weights.keys() - prices.keys())
        if unknown:
            say(f"the desk has no price of {', '.join(unknown)} that it believes; waiting")
            continue
        if holdings is None:
            say("an order of the last bar is still open; waiting")
            continue
        equity = Decimal(answered(desk.portfolio).total_value_usd)
        values = {symbol: holdings.get(symbol, Decimal(0)) * prices[symbol] for symbol in weights}
        say(f"equity {equity:.2f}: " + ", ".join(f"{one} {value / equity:.2%}" for one, value in values.items()))
        for trade in rebalancing(weights, values, equity, asked.band):
            submit(desk, asked.name, STRATEGY, trade, bar * asked.bar)


if __name__ == "__main__":
    run(main)
