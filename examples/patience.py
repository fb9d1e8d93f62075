"""What the bots over HTTP do alike: they wait for a bar and for the desk, and say in plain English what came of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TypeVar

from overmind_client import ApiClient, ApiException, Configuration, DeskApi, SignalBody
from overmind_client.models.decision_row import DecisionRow
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from bot import Bot

Answer = TypeVar("Answer")

CONFLICT, CROWDED, UNAVAILABLE = 409, 429, 503
PAUSE_S = 5  # unless the desk says how long to wait
STALE_S = 60  # a price that was not seen for so long is no reason to trade


def connected() -> DeskApi:
    """To the desk at DESK_URL, with the token in DESK_TOKEN."""
    missing = [name for name in ("DESK_URL", "DESK_TOKEN") if not os.environ.get(name)]
    if missing:
        sys.exit(f"{' and '.join(missing)} must be set: examples/README.md says to what")
    # Without retries of its own the client tells at once why the desk does not answer. `answered` asks again.
    settings = Configuration(host=os.environ["DESK_URL"], access_token=os.environ["DESK_TOKEN"], retries=False)
    return DeskApi(ApiClient(settings))


def say(text: str) -> None:
    print(time.strftime("%H:%M:%S", time.gmtime()), text, flush=True)


def bars(seconds: int) -> Iterator[int]:
    """The number of each bar, counted from 1970, as it begins. Bars that a wait has used up are left out."""
    while True:
        time.sleep(seconds - time.time() % seconds)
        yield round(time.time()) // seconds


def answered(call: Callable[[], Answer]) -> Answer:
    """Asks until the desk answers. Asking again is safe: the desk decides every signal id once, and for ever."""
    while True:
        try:
            return call()
        except ApiException as fault:
            if fault.status not in (CROWDED, UNAVAILABLE):
                raise
            wait_s = Retry().parse_retry_after((fault.headers or {}).get("retry-after", str(PAUSE_S)))
            why = told(fault)
        except HTTPError as fault:
            wait_s, why = PAUSE_S, f"there is no answer ({type(fault).__name__})"
        say(f"the desk cannot take it now: {why}. Asking again in {wait_s:g} s")
        time.sleep(wait_s)


class ServiceDesk:
    """The desk of a service, as a bot knows it. Whatever it asks, it waits until the desk answers."""

    def __init__(self, api: DeskApi) -> None:
        self._api = api

    def prices(self) -> dict[str, Decimal]:
        """Without those that the desk doubts or has not seen for a while."""
        oldest_ns = time.time_ns() - STALE_S * 10**9
        rows = answered(self._api.prices)
        return {row.symbol: Decimal(row.price_usd) for row in rows if row.at_ns >= oldest_ns and not row.doubted}

    def holdings(self, strategy: str) -> dict[str, Decimal] | None:
        return settled_holdings(self._api, strategy)

    def equity(self) -> Decimal:
        return Decimal(answered(self._api.portfolio).total_value_usd)

    def submit(self, signal: Mapping[str, str]) -> DecisionRow | None:
        wanted = SignalBody.model_validate(signal)
        try:
            return answered(lambda: self._api.submit_signal(wanted))
        except ApiException as fault:
            if fault.status != CONFLICT:
                raise
            return None

    def explain(self, signal_id: str) -> None:
        tell_why(self._api, signal_id)

    def say(self, text: str) -> None:
        say(text)


def settled_holdings(desk: DeskApi, strategy: str) -> dict[str, Decimal] | None:
    """What this strategy owns of each token, over all wallets. None while one of its orders is open.

    Orders are asked for first, because one may fill between the two questions, and would otherwise be in neither
    answer.
    """
    if any(order.strategy == strategy for order in answered(lambda: desk.orders(open=True))):
        return None
    found: dict[str, Decimal] = {}
    for row in answered(desk.positions):
        quantity = Decimal(row.quantity_by_strategy.get(strategy, 0))
        found[row.symbol] = found.get(row.symbol, Decimal(0)) + quantity
    return {symbol: quantity for symbol, quantity in found.items() if quantity}


def tell_why(desk: DeskApi, signal_id: str) -> None:
    """What would have to change for the signal to pass, and who holds the desk if somebody does."""
    explained, summary = answered(lambda: desk.signal(signal_id, candidates=False)), answered(desk.portfolio)
    for way in explained.changes[:1]:  # The first one is the nearest.
        say(f"  it would pass with: {'; '.join(change.change for change in way.changes)}")
    for hold in [*(summary.hold_details or ()), *(summary.wallet_holds or ())]:
        say(f"  {hold.scope} is held: {hold.cause}, {hold.reason}")


def run(bot: Bot) -> None:
    """Asks it at each bar until Ctrl-C or a kill. What the desk refuses to answer at all ends it, in its words."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        desk = ServiceDesk(connected())
        for bar in bars(bot.bar_s):
            bot.on_bar(desk, bar * bot.bar_s)
    except KeyboardInterrupt:
        say("stopped; the positions stay, and the desk guards them")
    except ApiException as fault:
        sys.exit(f"the desk answers {fault.status}: {told(fault)}")


def told(fault: ApiException) -> str:
    """Why, and what would be right, as far as the desk said it."""
    data = fault.data
    problems = [f"{one.field}: {one.problem}" for one in getattr(data, "problems", None) or ()]
    parts = (getattr(data, "error", None), *problems, getattr(data, "fix", None))
    return ". ".join(part for part in parts if part) or str(fault.reason)
