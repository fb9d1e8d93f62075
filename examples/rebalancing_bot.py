"""Keeps each token at its weight of the desk's equity, within a band. Ctrl-C ends it.

    make clients
    pip install build/clients/python
    DESK_URL=http://127.0.0.1:8080 DESK_TOKEN=… python examples/rebalancing_bot.py SOL=0.01 ETH=0.01 BTC=0.005

    overmind backtest TAPE --bot "examples/rebalancing_bot.py SOL=0.01 ETH=0.01"

A weight of 0.01 is one percent of the equity; what the weights leave stays cash. strategies.py has the formula. Every
signal has the id of its bar and token, so a bar is decided once, however often the bot is restarted or asks again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal

from bot import Desk, count, positive, submit
from strategies import rebalancing

STRATEGY = "AIDecision"  # the desk keeps apart what each strategy owns: this one is the bot's alone


class Rebalancing:
    def __init__(self, asked: argparse.Namespace) -> None:
        self.bar_s: int = asked.bar
        self._asked = asked
        self._weights: dict[str, Decimal] = dict(asked.weights)

    def on_bar(self, desk: Desk, at_s: int) -> None:
        weights, prices, holdings = self._weights, desk.prices(), desk.holdings(STRATEGY)
        if unknown := sorted(weights.keys() - prices.keys()):
            desk.say(f"the desk has no price of {', '.join(unknown)} that it believes; waiting")
            return
        if holdings is None:
            desk.say("an order of the last bar is still open; waiting")
            return
        equity = desk.equity()
        values = {symbol: holdings.get(symbol, Decimal(0)) * prices[symbol] for symbol in weights}
        desk.say(f"equity {equity:.2f}: " + ", ".join(f"{one} {value / equity:.2%}" for one, value in values.items()))
        for trade in rebalancing(weights, values, equity, self._asked.band):
            submit(desk, self._asked.name, STRATEGY, trade, at_s)


def weight(text: str) -> tuple[str, Decimal]:
    symbol, _, share = text.partition("=")
    found = Decimal(0) if share == "0" else positive(share)
    if not symbol or found > 1:
        raise ValueError(text)
    return symbol, found


def bot(words: Sequence[str]) -> Rebalancing:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("weights", type=weight, nargs="+", metavar="TOKEN=WEIGHT", help="such as SOL=0.01")
    parser.add_argument(
        "--band", type=positive, default=Decimal("0.2"), help="share of the target (default: %(default)s)"
    )
    parser.add_argument("--bar", type=count, default=300, help="seconds between two looks (default: %(default)s)")
    parser.add_argument("--name", default="rebalance", help="that its signal ids begin with (default: %(default)s)")
    return Rebalancing(parser.parse_args(words))


if __name__ == "__main__":
    from patience import run

    run(bot(sys.argv[1:]))
